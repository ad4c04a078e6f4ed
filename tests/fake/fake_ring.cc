#include "tests/fake/fake_ring.h"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "tests/fake/fake_errors.h"

namespace tests {

using shard::BufferSize;
using shard::Chunk;
using shard::ChunkPool;
using shard::Completion;
using shard::OpId;
using shard::OpKind;
using shard::RecvMode;
using shard::SendMode;

namespace {

constexpr int kFirstFd = 1000;  // far from the real ones

// What `fails` and `call_fails` come to: any errno that the manual pages name for it, and a few
// that only firewalls bring up.
constexpr int kAcceptErrors[] = {EMFILE,       ENFILE, ENOBUFS, ENOMEM, ECONNABORTED,
                                 ECONNABORTED, EINTR,  EPROTO,  EPERM,  EAGAIN};
constexpr int kConnectErrors[] = {ECONNREFUSED, ETIMEDOUT,     ENETUNREACH,  EHOSTUNREACH,
                                  ECONNRESET,   EADDRNOTAVAIL, EADDRINUSE,   EACCES,
                                  EPERM,        ENETDOWN,      EAFNOSUPPORT, EINTR};
constexpr int kPollErrors[] = {EINTR, ENOMEM, EIO};
std::string Raw(const sockaddr* address, socklen_t length) {
  return std::string(reinterpret_cast<const char*>(address), length);
}

// The same port on every address, for listeners on a wildcard.
std::string Wildcard(std::string raw) {
  sa_family_t family = AF_UNSPEC;
  if (raw.size() >= sizeof(family)) std::memcpy(&family, raw.data(), sizeof(family));
  if (family == AF_INET && raw.size() >= sizeof(sockaddr_in)) {
    std::memset(raw.data() + offsetof(sockaddr_in, sin_addr), 0, sizeof(in_addr));
  } else if (family == AF_INET6 && raw.size() >= sizeof(sockaddr_in6)) {
    std::memset(raw.data() + offsetof(sockaddr_in6, sin6_addr), 0, sizeof(in6_addr));
  }
  return raw;
}

std::shared_ptr<FakeFile> NewStream(std::shared_ptr<FakePipe> rx, std::shared_ptr<FakePipe> tx) {
  auto file = std::make_shared<FakeFile>();
  file->kind = FakeFile::Kind::kStream;
  file->rx = std::move(rx);
  file->tx = std::move(tx);
  return file;
}

}  // namespace

FakeModes FakeModes::Mischief() {
  FakeModes modes;
  modes.short_read = 0.2;
  modes.short_write = 0.2;
  modes.no_buffers = 0.05;
  modes.late = 0.2;
  modes.late_max_us = 3000;
  modes.reorder = 0.5;
  modes.multishot_ends = 0.1;
  modes.accept_emfile = 0.02;
  modes.cancel_loses = 0.5;
  return modes;
}

// ---- files, peers -----------------------------------------------------------------------------

FakeFile::~FakeFile() {
  if (kind != Kind::kStream) return;
  // Bytes nobody read make the kernel reset the stream instead of ending it, and so does SO_LINGER
  // without a time.
  if (!rx->bytes.empty() || options.contains({SOL_SOCKET, SO_LINGER})) tx->reset = true;
  tx->ended = true;
  rx->broken = true;
}

int FakeFile::TakeError() {
  if (kind != Kind::kStream || !rx->reset || told) return 0;
  told = true;
  return -ECONNRESET;
}

void FakeFile::ResetAndTell() { rx->reset = tx->reset = told = true; }

size_t FakePeer::Write(std::string_view bytes) {
  if (tx_->broken || tx_->ended || tx_->reset) return 0;
  const size_t n = std::min(bytes.size(), tx_->Room());
  tx_->bytes.append(bytes.substr(0, n));
  return n;
}

std::string FakePeer::Read(size_t max) {
  std::string bytes = rx_->bytes.substr(0, max);
  rx_->bytes.erase(0, bytes.size());
  return bytes;
}

void FakePeer::Close() {
  tx_->ended = true;
  rx_->broken = true;
}

void FakePeer::Reset() {
  tx_->reset = rx_->reset = true;
  Close();
}

// ---- net --------------------------------------------------------------------------------------

FakeNet::FakeNet(FakeClock& clock, uint64_t seed, const FakeModes& modes)
    : clock_(clock), seed_(seed), modes_(modes), random_(seed) {}

FakeNet::~FakeNet() {
  const std::string leaks = Leaks();
  if (leaks.empty() || leaks_allowed_) return;
  std::fprintf(stderr, "FakeNet, seed %llu: %s\n", (unsigned long long)seed_, leaks.c_str());
  MUST(leaks.empty());
}

std::unique_ptr<FakeRing> FakeNet::OpenRing(const shard::RingOptions& options) {
  return std::make_unique<FakeRing>(*this, options);
}

bool FakeNet::Chance(double probability) {
  if (probability <= 0) return false;
  return double(random_() >> 11) * 0x1p-53 < probability;
}

uint64_t FakeNet::Random(uint64_t low, uint64_t high) {
  return low + (high > low ? random_() % (high - low + 1) : 0);
}

size_t FakeNet::open_fds() const {
  return size_t(std::count_if(files_.begin(), files_.end(), [](auto& f) { return f != nullptr; }));
}

int FakeNet::AddFile(std::shared_ptr<FakeFile> file) {
  if (open_fds() >= fds_max_) return -EMFILE;
  size_t place = 0;
  while (place < files_.size() && files_[place] != nullptr) ++place;
  if (place == files_.size()) files_.emplace_back();
  files_[place] = std::move(file);
  return kFirstFd + int(place);
}

std::shared_ptr<FakeFile> FakeNet::FileOf(int fd) const {
  if (fd < kFirstFd || size_t(fd - kFirstFd) >= files_.size()) return nullptr;
  return files_[size_t(fd - kFirstFd)];
}

void FakeNet::CloseFd(int fd) {
  MUST(FileOf(fd) != nullptr);  // closed twice, or never opened
  files_[size_t(fd - kFirstFd)] = nullptr;
}

int FakeNet::Listen(const sockaddr* address, socklen_t length) {
  auto file = std::make_shared<FakeFile>();
  file->kind = FakeFile::Kind::kListener;
  file->local = Raw(address, length);
  return AddFile(std::move(file));
}

std::shared_ptr<FakeFile> FakeNet::ListenerFor(const std::string& address) const {
  const std::string wildcard = Wildcard(address);
  for (const auto& file : files_) {
    if (file == nullptr || file->kind != FakeFile::Kind::kListener) continue;
    if (file->local == address || file->local == wildcard) return file;
  }
  return nullptr;
}

int FakeNet::Failure(double probability, std::span<const int> errors) {
  return Chance(probability) ? -errors[Random(0, errors.size() - 1)] : 0;
}

std::unique_ptr<FakePeer> FakeNet::Dial(const sockaddr* address, socklen_t length,
                                        uint16_t client_port) {
  const auto listener = ListenerFor(Raw(address, length));
  if (listener == nullptr) return nullptr;
  auto to_ring = std::make_shared<FakePipe>();
  auto to_peer = std::make_shared<FakePipe>();
  auto file = NewStream(to_ring, to_peer);
  file->local = Raw(address, length);
  sockaddr_in client = {};
  client.sin_family = AF_INET;
  client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client.sin_port = htons(client_port != 0 ? client_port : uint16_t(Random(32768, 60999)));
  file->remote = Raw(reinterpret_cast<const sockaddr*>(&client), sizeof(client));
  listener->backlog.push_back(std::move(file));
  return std::make_unique<FakePeer>(std::move(to_peer), std::move(to_ring));
}

int FakeNet::Pair(std::unique_ptr<FakePeer>* peer) {
  auto to_ring = std::make_shared<FakePipe>();
  auto to_peer = std::make_shared<FakePipe>();
  *peer = std::make_unique<FakePeer>(to_peer, to_ring);
  return AddFile(NewStream(to_ring, to_peer));
}

void FakeNet::ScriptConnect(const sockaddr* address, socklen_t length, ConnectScript script) {
  scripts_[Raw(address, length)] = script;
}

std::unique_ptr<FakePeer> FakeNet::TakeServerPeer(const sockaddr* address, socklen_t length) {
  auto& waiting = server_peers_[Raw(address, length)];
  if (waiting.empty()) return nullptr;
  auto peer = std::move(waiting.front());
  waiting.pop_front();
  return peer;
}

std::string FakeNet::Leaks() const {
  std::string leaks;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (files_[i] == nullptr) continue;
    constexpr const char* kKinds[] = {"socket", "stream", "listener", "pipe"};
    leaks +=
        base::Format("fd %d (%s) is open; ", kFirstFd + int(i), kKinds[size_t(files_[i]->kind)]);
  }
  for (const FakeRing* ring : rings_) {
    if (const size_t n = ring->outstanding(); n > 0) {
      leaks += base::Format("%zu operations are pending; ", n);
    }
    for (const ChunkPool* pool : {ring->small_, ring->large_}) {
      if (pool == nullptr || pool->in_use() == 0) continue;
      leaks +=
          base::Format("%u chunks of %u bytes are held; ", pool->in_use(), pool->chunk_bytes());
    }
  }
  return leaks;
}

// ---- ring: submission -------------------------------------------------------------------------

FakeRing::FakeRing(FakeNet& net, const shard::RingOptions& options)
    : net_(net), small_(options.small), large_(options.large) {
  net_.rings_.push_back(this);
}

FakeRing::~FakeRing() {
  for (const Op& op : submitted_) {
    if (op.call == Call::kClose) net_.CloseFd(op.fd);
  }
  std::erase(net_.rings_, this);
}

FakeRing::Op& FakeRing::Submit(Call call, OpId op, int fd) {
  if (call != Call::kCancel && call != Call::kClose) {
    // A cancel could not say which.
    const auto has_name = [op](const Op& other) {
      return other.op == op && other.call != Call::kCancel && other.call != Call::kClose;
    };
    MUST(std::none_of(pending_.begin(), pending_.end(), has_name));
    MUST(std::none_of(submitted_.begin(), submitted_.end(), has_name));
  }
  Op& entry = submitted_.emplace_back();
  entry.op = op;
  entry.call = call;
  entry.fd = fd;
  return entry;
}

void FakeRing::Accept(OpId op, int fd, bool multishot) {
  Submit(Call::kAccept, op, fd).multishot = multishot;
}

void FakeRing::Connect(OpId op, int fd, const sockaddr* address, socklen_t length) {
  Submit(Call::kConnect, op, fd).address = Raw(address, length);
}

void FakeRing::Recv(OpId op, int fd, RecvMode mode, BufferSize size) {
  Op& entry = Submit(Call::kRecv, op, fd);
  entry.multishot = mode == RecvMode::kMultishot;
  entry.size = size;
}

void FakeRing::Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) {
  Op& entry = Submit(Call::kSend, op, fd);
  entry.send_mode = mode;
  entry.iovecs.assign(bytes.begin(), bytes.end());
}

void FakeRing::Poll(OpId op, int fd, uint32_t events, bool multishot) {
  Op& entry = Submit(Call::kPoll, op, fd);
  entry.events = events;
  entry.multishot = multishot;
}

void FakeRing::Cancel(OpId op) { Submit(Call::kCancel, op, -1); }
void FakeRing::Close(int fd) { Submit(Call::kClose, {}, fd); }
void FakeRing::Wake(shard::Ring*) { woken_ = true; }

// ---- ring: what operations do -----------------------------------------------------------------

size_t FakeRing::outstanding() const {
  size_t n = pending_.size();
  for (const Op& op : submitted_) n += op.call != Call::kCancel && op.call != Call::kClose;
  return n;
}

void FakeRing::Answer(const Op& op, int result, bool more, Chunk* chunk) {
  const bool reading = op.call == Call::kRecv || op.call == Call::kAccept;
  const bool went_whole = op.call == Call::kSend && IsTry(op.send_mode) && result >= 0 &&
                          size_t(result) == shard::TotalBytes(op.iovecs);
  const bool awaited = !went_whole || need_send_answers_;
  made_.push_back({{op.op, result, more, chunk}, op.file.get(), reading, awaited});
}

bool FakeRing::KeepsOn(const Op& op) {
  return op.multishot && !net_.Chance(net_.modes_.multishot_ends);
}

uint32_t FakeRing::ReadyEvents(const FakeFile& file) const {
  uint32_t events = 0;
  if (file.kind == FakeFile::Kind::kListener) return file.backlog.empty() ? 0 : POLLIN;
  if (file.kind != FakeFile::Kind::kStream) return POLLOUT | POLLHUP;
  size_t low_water = 1;
  const auto option = file.options.find({SOL_SOCKET, SO_RCVLOWAT});
  if (option != file.options.end()) {
    int bytes = 1;
    std::memcpy(&bytes, option->second.data(), sizeof(bytes));
    low_water = size_t(std::max(bytes, 1));
  }
  if (file.rx->bytes.size() >= low_water || file.rx->ended || file.rx->reset) events |= POLLIN;
  if (file.rx->ended || file.rx->reset) events |= POLLRDHUP;
  if (file.rx->reset) events |= POLLERR | POLLHUP;
  if (file.rx->ended && file.tx->ended) events |= POLLHUP;
  if (file.tx->Room() > 0 || file.tx->broken || file.tx->ended) events |= POLLOUT;
  return events;
}

bool FakeRing::CouldFinish(const Op& op) const {
  const FakeFile& file = *op.file;
  switch (op.call) {
    case Call::kAccept:
      return file.kind != FakeFile::Kind::kListener || !file.backlog.empty();
    case Call::kConnect:
      return op.script.outcome != ConnectOutcome::kNever && net_.clock_.now_us() >= op.connected_us;
    case Call::kRecv:
      if (op.end_lost) return false;
      return file.kind != FakeFile::Kind::kStream || (ReadyEvents(file) & POLLIN) != 0;
    case Call::kSend:
      return IsTry(op.send_mode) || file.kind != FakeFile::Kind::kStream ||
             (ReadyEvents(file) & (POLLOUT | POLLERR)) != 0;
    case Call::kPoll:
      return (ReadyEvents(file) & (op.events | POLLERR | POLLHUP)) != 0;
    case Call::kCancel:
    case Call::kClose:
      break;
  }
  return false;
}

bool FakeRing::TryAccept(Op& op) {
  FakeFile& file = *op.file;
  if (file.kind != FakeFile::Kind::kListener) {
    Answer(op, -EINVAL, false);
    return true;
  }
  while (!file.backlog.empty()) {
    if (net_.Chance(net_.modes_.accept_emfile)) {
      Answer(op, -EMFILE, false);
      return true;
    }
    const int fd = net_.AddFile(file.backlog.front());
    if (fd < 0) {  // the client stays in the backlog, as in the kernel
      Answer(op, fd, false);
      return true;
    }
    file.backlog.pop_front();
    const bool more = KeepsOn(op);
    Answer(op, fd, more);
    if (!more) return true;
  }
  return false;
}

bool FakeRing::TryConnect(Op& op) {
  FakeFile& file = *op.file;
  const auto listener = net_.ListenerFor(op.address);
  if (op.script.outcome == ConnectOutcome::kError) {
    Answer(op, -op.script.error, false);
    return true;
  }
  if (op.script.outcome != ConnectOutcome::kOk) {
    Answer(op, op.script.outcome == ConnectOutcome::kRefused ? -ECONNREFUSED : -EHOSTUNREACH,
           false);
    return true;
  }
  if (file.kind != FakeFile::Kind::kSocket) {
    Answer(op, -EISCONN, false);
    return true;
  }
  auto to_ring = std::make_shared<FakePipe>();
  auto to_server = std::make_shared<FakePipe>();
  file.kind = FakeFile::Kind::kStream;
  file.rx = to_ring;
  file.tx = to_server;
  file.remote = op.address;
  if (net_.scripts_.count(op.address) == 0 && listener != nullptr) {
    auto accepted = NewStream(to_server, to_ring);
    accepted->local = op.address;
    accepted->remote = file.local;
    listener->backlog.push_back(std::move(accepted));
  } else {
    net_.server_peers_[op.address].push_back(std::make_unique<FakePeer>(to_server, to_ring));
  }
  Answer(op, 0, false);
  return true;
}

bool FakeRing::TryRecv(Op& op) {
  if (op.file->kind != FakeFile::Kind::kStream) {
    Answer(op, -ENOTCONN, false);
    return true;
  }
  FakePipe& pipe = *op.file->rx;
  if (pipe.bytes.empty()) {
    Answer(op, op.file->TakeError(), false);
    return true;
  }
  ChunkPool* pool = op.size == BufferSize::kSmall ? small_ : large_;
  while (!pipe.bytes.empty()) {
    Chunk* chunk = net_.Chance(net_.modes_.no_buffers) ? nullptr : pool->Take();
    if (chunk == nullptr) {
      Answer(op, -ENOBUFS, false);
      return true;
    }
    size_t n = std::min<size_t>(pipe.bytes.size(), chunk->capacity);
    if (net_.Chance(net_.modes_.short_read)) n = net_.Random(1, n);
    std::memcpy(chunk->data, pipe.bytes.data(), n);
    pipe.bytes.erase(0, n);
    const bool more = KeepsOn(op);
    Answer(op, int(n), more, chunk);
    if (!more) return true;
  }
  op.end_lost = (pipe.ended || pipe.reset) && net_.Chance(net_.modes_.end_is_lost);
  return false;
}

bool FakeRing::TrySend(Op& op) {
  if (op.file->kind != FakeFile::Kind::kStream) {
    Answer(op, -EPIPE, false);
    return true;
  }
  FakePipe& pipe = *op.file->tx;
  if (pipe.reset || pipe.broken || pipe.ended) {
    const int error = op.file->TakeError();
    Answer(op, error != 0 ? error : -EPIPE, false);
    return true;
  }
  const size_t n = Put(pipe, op.iovecs);
  const bool full = n == 0 && shard::TotalBytes(op.iovecs) > 0;
  Answer(op, full ? -EAGAIN : int(n), false);  // kTry only: kWait is not tried without room
  return true;
}

// What there is room for, or less: how many bytes.
size_t FakeRing::Put(FakePipe& pipe, std::span<const iovec> bytes) {
  size_t n = std::min(shard::TotalBytes(bytes), pipe.Room());
  if (n > 0 && net_.Chance(net_.modes_.short_write)) n = net_.Random(1, n);
  size_t left = n;
  for (const iovec& vec : bytes) {
    const size_t part = std::min(left, vec.iov_len);
    pipe.bytes.append(static_cast<const char*>(vec.iov_base), part);
    left -= part;
  }
  return n;
}

// A failure drawn by `fails`. What breaks a stream breaks it for both ends and for good.
bool FakeRing::Fail(Op& op) {
  constexpr auto kErrorsOf = [](Call call) -> std::span<const int> {
    switch (call) {
      case Call::kAccept:
        return kAcceptErrors;
      case Call::kConnect:
        return kConnectErrors;
      case Call::kRecv:
        return kRecvErrors;
      case Call::kSend:
        return kSendErrors;
      case Call::kPoll:
        return kPollErrors;
      case Call::kCancel:
      case Call::kClose:
        break;
    }
    return {};
  };
  const int error = net_.Failure(net_.modes_.fails, kErrorsOf(op.call));
  if (error == 0) return false;
  FakeFile& file = *op.file;
  if (error == -ECONNABORTED && op.call == Call::kAccept && !file.backlog.empty()) {
    file.backlog.pop_front();
  }
  const bool is_transfer = op.call == Call::kRecv || op.call == Call::kSend;
  if (is_transfer && file.kind == FakeFile::Kind::kStream && !IsPassing(-error)) {
    file.ResetAndTell();
  }
  Answer(op, error, false);
  return true;
}

bool FakeRing::Try(Op& op) {
  if (net_.modes_.fails > 0 && Fail(op)) return true;
  switch (op.call) {
    case Call::kAccept:
      return TryAccept(op);
    case Call::kConnect:
      return TryConnect(op);
    case Call::kRecv:
      return TryRecv(op);
    case Call::kSend:
      return TrySend(op);
    case Call::kPoll:
      // Never goes on: callers have to be able to arm it again anyway.
      Answer(op, int(ReadyEvents(*op.file) & (op.events | POLLERR | POLLHUP)), false);
      return true;
    case Call::kCancel:
    case Call::kClose:
      break;
  }
  return true;
}

// ---- ring: turn -------------------------------------------------------------------------------

void FakeRing::Start(Op op) {
  op.file = net_.FileOf(op.fd);
  if (op.file == nullptr) {
    Answer(op, -EBADF, false);
    return;
  }
  if (op.call == Call::kConnect) {
    const auto script = net_.scripts_.find(op.address);
    if (script != net_.scripts_.end()) {
      op.script = script->second;
    } else if (net_.ListenerFor(op.address) == nullptr) {
      op.script.outcome = ConnectOutcome::kRefused;
    }
    op.connected_us = net_.clock_.now_us() + op.script.delay_us;
  }
  if (op.call == Call::kSend && IsTry(op.send_mode)) {
    (void)Try(op);  // in this turn, whatever it comes to
    return;
  }
  pending_.push_back(std::move(op));
}

void FakeRing::StartSubmitted() {
  std::vector<Op> submitted = std::move(submitted_);
  submitted_.clear();
  for (Op& op : submitted) {
    if (op.call == Call::kCancel) {
      for (auto it = pending_.begin(); it != pending_.end();) {
        if (it->op != op.op) {
          ++it;
          continue;
        }
        const bool finished = CouldFinish(*it) && net_.Chance(net_.modes_.cancel_loses) && Try(*it);
        if (!finished) Answer(*it, -ECANCELED, false);
        it = pending_.erase(it);
      }
    } else if (op.call == Call::kClose) {
      net_.CloseFd(op.fd);
    } else {
      Start(std::move(op));
      Sweep();  // started in order: what can finish does, before what comes after it
    }
  }
}

void FakeRing::Sweep() {
  // Operations of one direction of one file are served in order.
  std::set<std::pair<const FakeFile*, Call>> blocked;
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto line = std::make_pair(static_cast<const FakeFile*>(it->file.get()), it->call);
    const bool in_order = it->call == Call::kRecv || it->call == Call::kSend;
    if ((in_order && blocked.count(line) != 0) || !CouldFinish(*it) ||
        it->not_before_us > net_.clock_.now_us()) {
      blocked.insert(line);
      ++it;
      continue;
    }
    if (!it->was_late && net_.modes_.late_max_us > 0 && net_.Chance(net_.modes_.late)) {
      it->was_late = true;
      it->not_before_us = net_.clock_.now_us() + net_.Random(1, net_.modes_.late_max_us);
      blocked.insert(line);
      ++it;
      continue;
    }
    it->was_late = false;
    if (Try(*it)) {
      it = pending_.erase(it);
    } else {
      blocked.insert(line);
      ++it;
    }
  }
}

uint64_t FakeRing::NextEventMicros() const {
  uint64_t next_us = UINT64_MAX;
  for (const Op& op : pending_) {
    uint64_t at_us = op.not_before_us;
    if (op.call == Call::kConnect && op.script.outcome != ConnectOutcome::kNever) {
      at_us = std::max(at_us, op.connected_us);
    }
    if (at_us > net_.clock_.now_us()) next_us = std::min(next_us, at_us);
  }
  return next_us;
}

// Puts the answers in the order they are handed out: shuffled at times, but never within one
// direction of one file, which no kernel does either.
void FakeRing::Arrange() {
  completions_.clear();
  if (!net_.Chance(net_.modes_.reorder)) {
    for (const Made& made : made_) completions_.push_back(made.completion);
    made_.clear();
    return;
  }
  std::vector<std::pair<std::pair<const FakeFile*, bool>, std::deque<Completion>>> groups;
  for (const Made& made : made_) {
    const auto key = std::make_pair(made.file, made.reading);
    auto it = std::find_if(groups.begin(), groups.end(), [&](auto& g) { return g.first == key; });
    if (it == groups.end()) it = groups.insert(groups.end(), {key, {}});
    it->second.push_back(made.completion);
  }
  while (!groups.empty()) {
    const size_t pick = net_.Random(0, groups.size() - 1);
    completions_.push_back(groups[pick].second.front());
    groups[pick].second.pop_front();
    if (groups[pick].second.empty()) groups.erase(groups.begin() + ptrdiff_t(pick));
  }
  made_.clear();
}

std::span<const Completion> FakeRing::Turn(uint64_t deadline_us) {
  ++turns_;
  StartSubmitted();
  const uint64_t until_us = deadline_us;
  while (true) {
    Sweep();
    const bool awaited =
        std::any_of(made_.begin(), made_.end(), [](const Made& m) { return m.awaited; }) ||
        (need_send_answers_ && !made_.empty());
    if (awaited || woken_ || net_.clock_.now_us() >= until_us) break;
    if (!net_.auto_advance_) {
      // The kernel would wait on. Time moves elsewhere, so nothing is said until something else is
      // answered, or the deadline has come.
      need_send_answers_ = false;
      completions_.clear();
      return completions_;
    }
    const uint64_t next_us = std::min(until_us, NextEventMicros());
    if (next_us == UINT64_MAX) break;  // nothing will ever happen: the test sees an empty turn
    net_.clock_.AdvanceTo(next_us);
  }
  woken_ = need_send_answers_ = false;
  Arrange();
  return completions_;
}

}  // namespace tests
