// What the scripted ring does at once: the calls that no turn answers.

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "tests/fake/fake_errors.h"
#include "tests/fake/fake_ring.h"

namespace tests {
namespace {

constexpr int kSocketErrors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT};
constexpr int kOptionErrors[] = {EINVAL, ENOPROTOOPT, ENOMEM, EPERM};
constexpr int kBindErrors[] = {EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL};
constexpr int kNameErrors[] = {ENOTCONN, ENOBUFS};
constexpr int kPipeErrors[] = {EMFILE, ENFILE, ENOMEM};
constexpr int kSpliceErrors[] = {EPIPE, ECONNRESET, ETIMEDOUT, ENOMEM, EINVAL, EAGAIN, EINTR};

int CopyName(const std::string& raw, sockaddr_storage* address, socklen_t* length) {
  const size_t n = std::min<size_t>(raw.size(), *length);
  std::memcpy(address, raw.data(), n);
  *length = socklen_t(raw.size());
  return 0;
}

}  // namespace

int FakeRing::Socket(int, int, int) {
  if (const int error = net_.Failure(net_.modes_.call_fails, kSocketErrors)) return error;
  return net_.AddFile(std::make_shared<FakeFile>());
}

int FakeRing::SetOption(int fd, int level, int option, const void* value, socklen_t length) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (const int error = net_.Failure(net_.modes_.call_fails, kOptionErrors)) return error;
  file->options[{level, option}].assign(static_cast<const char*>(value), length);
  return 0;
}

// What was set; else what Ethernet gives TCP, and 0 of all others.
int FakeRing::GetOption(int fd, int level, int option, int* value) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (const int error = net_.Failure(net_.modes_.call_fails, kOptionErrors)) return error;
  const auto at = file->options.find({level, option});
  *value = level == IPPROTO_TCP && option == TCP_MAXSEG ? 1460 : 0;
  if (at == file->options.end()) return 0;
  std::memcpy(value, at->second.data(), std::min(at->second.size(), sizeof(*value)));
  return 0;
}

int FakeRing::Bind(int fd, const sockaddr* address, socklen_t length) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (const int error = net_.Failure(net_.modes_.call_fails, kBindErrors)) return error;
  file->local.assign(reinterpret_cast<const char*>(address), length);
  return 0;
}

int FakeRing::Shutdown(int fd, int how) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (file->kind != FakeFile::Kind::kStream) return -ENOTCONN;
  if (how != SHUT_RD) file->tx->ended = true;
  if (how != SHUT_WR) file->rx->ended = true;
  return 0;
}

int FakeRing::GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (file->kind != FakeFile::Kind::kStream) return -ENOTCONN;
  if (const int error = net_.Failure(net_.modes_.call_fails, kNameErrors)) return error;
  return CopyName(file->remote, address, length);
}

int FakeRing::GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (const int error = net_.Failure(net_.modes_.call_fails, kNameErrors)) return error;
  return CopyName(file->local, address, length);
}

int FakeRing::GetSocketError(int fd) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  return file->TakeError();
}

int FakeRing::PollNow(std::span<pollfd> asked) {
  asked_now_ += asked.size();
  int ready = 0;
  for (pollfd& one : asked) {
    const auto file = net_.FileOf(one.fd);
    const uint32_t wanted = uint32_t(one.events) | POLLERR | POLLHUP;
    one.revents = short(file == nullptr ? POLLNVAL : ReadyEvents(*file) & wanted);
    ready += one.revents != 0;
  }
  return ready;
}

int FakeRing::OpenPipe(int fds[2], uint32_t* bytes) {
  if (const int error = net_.Failure(net_.modes_.call_fails, kPipeErrors)) return error;
  auto pipe = std::make_shared<FakePipe>();
  pipe->capacity = *bytes;
  for (int end = 0; end < 2; ++end) {
    auto file = std::make_shared<FakeFile>();
    file->kind = FakeFile::Kind::kPipeEnd;
    (end == 0 ? file->rx : file->tx) = pipe;
    fds[end] = net_.AddFile(std::move(file));
    if (fds[end] >= 0) continue;
    if (end == 1) net_.CloseFd(fds[0]);
    return -EMFILE;
  }
  return 0;
}

void FakeRing::ClosePipe(int read_fd, int write_fd) {
  net_.CloseFd(read_fd);
  net_.CloseFd(write_fd);
}

int FakeRing::Splice(int from, int to, size_t max) {
  const auto source = net_.FileOf(from);
  const auto sink = net_.FileOf(to);
  if (source == nullptr || sink == nullptr) return -EBADF;
  if (source->rx == nullptr || sink->tx == nullptr) return -ENOTCONN;
  if (const int error = net_.Failure(net_.modes_.call_fails, kSpliceErrors)) return error;
  FakePipe& in = *source->rx;
  FakePipe& out = *sink->tx;
  if (out.reset || out.broken || out.ended) {
    const int error = sink->TakeError();
    return error != 0 ? error : -EPIPE;
  }
  if (in.bytes.empty()) {
    if (const int error = source->TakeError()) return error;
    return in.reset || in.ended ? 0 : -EAGAIN;
  }
  size_t n = std::min({max, in.bytes.size(), out.Room()});
  if (n == 0) return -EAGAIN;
  if (net_.Chance(net_.modes_.short_write)) n = net_.Random(1, n);
  out.bytes.append(in.bytes, 0, n);
  in.bytes.erase(0, n);
  return int(n);
}

bool FakeRing::IsUnderWay(Call call, int fd) const {
  const auto is_it = [&](const Op& op) { return op.call == call && op.fd == fd; };
  return std::any_of(submitted_.begin(), submitted_.end(), is_it) ||
         std::any_of(pending_.begin(), pending_.end(), is_it);
}

int FakeRing::FailNow(FakeFile& file, std::span<const int> errors) {
  if (file.kind != FakeFile::Kind::kStream) return -ENOTCONN;
  const int error = net_.Failure(net_.modes_.fails, errors);
  if (error != 0 && !IsPassing(-error)) file.ResetAndTell();
  return error;
}

int FakeRing::RecvNow(int fd, void* to, size_t max) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  MUST(!IsUnderWay(Call::kRecv, fd));
  if (const int error = FailNow(*file, kRecvErrors)) return error;
  FakePipe& pipe = *file->rx;
  if (pipe.bytes.empty()) {
    if (const int told = file->TakeError()) return told;
    return pipe.reset || pipe.ended ? 0 : -EAGAIN;
  }
  size_t n = std::min(pipe.bytes.size(), max);
  if (net_.Chance(net_.modes_.short_read)) n = net_.Random(1, n);
  std::memcpy(to, pipe.bytes.data(), n);
  pipe.bytes.erase(0, n);
  taken_now_ += n;
  return int(n);
}

int FakeRing::SendNow(int fd, std::span<const iovec> bytes) {
  const auto file = net_.FileOf(fd);
  if (file == nullptr) return -EBADF;
  MUST(!IsUnderWay(Call::kSend, fd) && bytes.size() <= kNowEntriesMax);
  if (const int error = FailNow(*file, kSendErrors)) return error;
  FakePipe& pipe = *file->tx;
  if (pipe.reset || pipe.broken || pipe.ended) {
    const int told = file->TakeError();
    return told != 0 ? told : -EPIPE;
  }
  const size_t n = Put(pipe, bytes);
  sent_now_ += n;
  return n == 0 ? -EAGAIN : int(n);
}

}  // namespace tests
