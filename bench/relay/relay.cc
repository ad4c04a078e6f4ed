// relay.cc - a bare io_uring TCP relay, one thread that parses nothing: the floor for a proxy.
//
// Owns:    every socket and buffer of the process; no code of the proxy, so that neither hides the
//          other's mistakes.
// Threads: one.
// Units:   sizes in bytes.
// Errors:  a failed connection is closed on both sides; a failed start ends the process.
// States:  Pair: connecting -> relaying -> (dead ->) free. It leaves only when the ring has
//          answered every operation that names it.
//
//   bench_relay --listen PORT --to PORT [--buffer 4096|16384|65536] [--cpu N]
//
// Small buffers (below 16 kB): a multishot receive into lent buffers on the client socket, a
// single-shot one with POLL_FIRST on the server socket. Larger buffers: single-shot receives on
// both, into two buffers per direction.
//
// A send is "quiet" if nothing hangs on its success: MSG_DONTWAIT makes it complete inside the
// submit call, CQE_SKIP_SUCCESS keeps its completion away, MSG_WAITALL makes a short one count as
// failed. So a quiet send without a completion after the submit call has gone out whole. It saves a
// completion per send over waiting for `sends + 1`, and cannot hang: there, a short send that
// nobody else's event follows is never looked at again.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <deque>
#include <vector>

namespace {

constexpr unsigned kSubmissionEntries = 4096;
constexpr unsigned kCompletionEntries = 65536;
// The ring of lent buffers is first in, first out: a larger one would only walk through more cache.
constexpr unsigned kLentBuffers = 256;
constexpr uint16_t kLentGroup = 0;
constexpr size_t kPiecesPerSend = 16;
constexpr size_t kPiecesHigh = 16;  // the receive stops here, and starts again when all is sent
constexpr size_t kLargeBuffer = 16384;

enum class Tag : uint64_t { kIgnore, kAccept, kConnect, kRecv, kSend, kSendQuiet };
constexpr uint64_t kTagMask = 15;

struct Piece {
  uint8_t* data;
  uint32_t size_bytes;
  uint16_t buffer;  // lent: its buffer id; own: 0 or 1
};

struct Pair;

// Bytes that flow from one socket to the other. Aligned, so that a tag fits below its address.
struct alignas(16) Direction {
  Pair* pair = nullptr;
  int from = -1;
  int to = -1;
  bool multishot = false;
  bool receiving = false;  // a receive is in the ring
  bool cancelling = false;
  bool starved = false;  // waits for a lent buffer
  bool sending = false;
  bool dirty = false;  // listed for this turn's sends
  bool ended = false;  // the source said end
  bool shut = false;   // and the destination was told
  bool more = true;    // the source probably holds bytes already
  int quiet_result = 0;
  bool quiet_failed = false;
  size_t in_flight_bytes = 0;
  uint8_t* own[2] = {nullptr, nullptr};
  bool own_taken[2] = {false, false};
  unsigned own_receiving = 0;
  std::vector<Piece> pieces;  // oldest first; the vectors of a reused Pair keep their storage
};

struct Pair {
  Direction up;    // client to server
  Direction down;  // server to client
  int client = -1;
  int server = -1;
  unsigned operations = 0;  // in the ring and not answered
  bool dead = false;
};

struct Options {
  uint16_t listen_port = 0;
  uint16_t to_port = 0;
  size_t buffer_bytes = 4096;
  int cpu = -1;
};

[[noreturn]] void Die(const char* what, int error) {
  fprintf(stderr, "relay: %s: %s\n", what, strerror(error));
  exit(1);
}

class Relay {
 public:
  explicit Relay(const Options& options)
      : options_(options), large_(options.buffer_bytes >= kLargeBuffer) {}
  void Start();
  [[noreturn]] void Run();

 private:
  io_uring_sqe* Entry(Tag tag, void* object);
  void StartRing();
  void StartLentBuffers();
  void StartListener();
  void ArmAccept();
  void Lend(uint16_t buffer);
  void Release(Direction& d, const Piece& piece);
  void OnAccept(const io_uring_cqe& cqe);
  void OnConnect(Pair& pair, int result);
  void OnRecv(Direction& d, const io_uring_cqe& cqe);
  void OnSent(Direction& d, int result);
  void ArmRecv(Direction& d);
  void MarkDirty(Direction& d);
  void Send(Direction& d, bool wait);
  void FlushSends();
  void SettleQuietSends();
  void WakeStarved();
  void Kill(Pair& pair);
  void FreeIfDone(Pair& pair);
  void Close(int fd);

  const Options options_;
  const bool large_;
  io_uring ring_{};
  int listener_ = -1;
  sockaddr_in to_{};
  // In C++ io_uring_buf_ring.bufs is displaced (its empty struct has size 1), so the ring is an
  // array of io_uring_buf and the tail lies over the first one's resv.
  io_uring_buf* lent_ = nullptr;
  uint8_t* lent_memory_ = nullptr;
  uint16_t lent_tail_ = 0;
  unsigned held_buffers_ = 0;  // lent buffers whose bytes wait to be sent
  std::deque<Pair> pairs_;
  std::vector<Pair*> free_pairs_;
  std::vector<Direction*> dirty_;
  std::vector<Direction*> quiet_;    // sent quietly in this turn
  std::vector<Direction*> starved_;  // out of lent buffers
  // A vectored send's header and vector are read at submission; a deque does not move them before
  // that.
  struct Vectored {
    msghdr header;
    iovec pieces[kPiecesPerSend];
  };
  std::deque<Vectored> vectored_;
};

io_uring_sqe* Relay::Entry(Tag tag, void* object) {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    io_uring_submit(&ring_);
    sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) Die("submission queue stays full", EBUSY);
  }
  // The prep functions of liburing 2.3 leave user_data alone, so it may be written before them.
  sqe->user_data = reinterpret_cast<uint64_t>(object) | uint64_t(tag);
  return sqe;
}

void Relay::StartRing() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP;
  params.cq_entries = kCompletionEntries;
  int result = io_uring_queue_init_params(kSubmissionEntries, &ring_, &params);
  if (result < 0) Die("io_uring_queue_init", -result);
  result = io_uring_register_ring_fd(&ring_);
  if (result < 0) Die("io_uring_register_ring_fd", -result);
}

void Relay::StartLentBuffers() {
  void* ring = mmap(nullptr, kLentBuffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* memory = mmap(nullptr, kLentBuffers * options_.buffer_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (ring == MAP_FAILED || memory == MAP_FAILED) Die("mmap", errno);
  lent_ = static_cast<io_uring_buf*>(ring);
  lent_memory_ = static_cast<uint8_t*>(memory);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(ring);
  registration.ring_entries = kLentBuffers;
  registration.bgid = kLentGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) Die("io_uring_register_buf_ring", -result);
  for (unsigned i = 0; i < kLentBuffers; ++i) Lend(uint16_t(i));
}

void Relay::Lend(uint16_t buffer) {
  io_uring_buf& slot = lent_[lent_tail_ & (kLentBuffers - 1)];
  slot.addr = reinterpret_cast<uint64_t>(lent_memory_ + buffer * options_.buffer_bytes);
  slot.len = uint32_t(options_.buffer_bytes);
  slot.bid = buffer;
  ++lent_tail_;
  __atomic_store_n(&lent_[0].resv, lent_tail_, __ATOMIC_RELEASE);
}

void Relay::StartListener() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  // Accepted sockets inherit it.
  setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(options_.listen_port);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    Die("bind", errno);
  }
  if (listen(listener_, 4096) < 0) Die("listen", errno);
  to_ = address;
  to_.sin_port = htons(options_.to_port);
}

void Relay::Start() {
  StartRing();
  if (!large_) StartLentBuffers();
  StartListener();
  ArmAccept();
}

void Relay::ArmAccept() {
  io_uring_sqe* sqe = Entry(Tag::kAccept, nullptr);
  io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void Relay::OnAccept(const io_uring_cqe& cqe) {
  if (!(cqe.flags & IORING_CQE_F_MORE)) ArmAccept();
  if (cqe.res < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (server < 0) return Close(cqe.res);
  const int one = 1;
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (free_pairs_.empty()) free_pairs_.push_back(&pairs_.emplace_back());
  Pair& pair = *free_pairs_.back();
  free_pairs_.pop_back();
  pair.client = cqe.res;
  pair.server = server;
  pair.dead = false;
  for (Direction* d : {&pair.up, &pair.down}) {
    d->pair = &pair;
    d->receiving = d->cancelling = d->starved = d->sending = d->dirty = d->ended = d->shut = false;
    d->quiet_failed = d->own_taken[0] = d->own_taken[1] = d->more = false;
  }
  pair.up.from = pair.down.to = pair.client;
  pair.up.to = pair.down.from = pair.server;
  pair.up.multishot = !large_;
  io_uring_sqe* sqe = Entry(Tag::kConnect, &pair.up);
  io_uring_prep_connect(sqe, server, reinterpret_cast<sockaddr*>(&to_), sizeof to_);
  ++pair.operations;
}

void Relay::OnConnect(Pair& pair, int result) {
  --pair.operations;
  if (result < 0) return Kill(pair);
  pair.up.more = true;  // a client that connects has something to say
  ArmRecv(pair.up);
  ArmRecv(pair.down);
}

void Relay::ArmRecv(Direction& d) {
  if (d.receiving || d.starved || d.ended || d.pair->dead || d.pieces.size() >= kPiecesHigh) return;
  unsigned own = 0;
  if (large_) {
    if (d.own_taken[0] && d.own_taken[1]) return;
    own = d.own_taken[0] ? 1 : 0;
    if (d.own[own] == nullptr) d.own[own] = static_cast<uint8_t*>(malloc(options_.buffer_bytes));
    d.own_taken[own] = true;
    d.own_receiving = own;
  }
  io_uring_sqe* sqe = Entry(Tag::kRecv, &d);
  if (d.multishot) {
    io_uring_prep_recv_multishot(sqe, d.from, nullptr, 0, 0);
  } else if (large_) {
    io_uring_prep_recv(sqe, d.from, d.own[own], options_.buffer_bytes, 0);
  } else {
    io_uring_prep_recv(sqe, d.from, nullptr, 0, 0);
  }
  if (!d.multishot && !d.more) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  if (!large_) {
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kLentGroup;
  }
  d.receiving = true;
  ++d.pair->operations;
}

void Relay::OnRecv(Direction& d, const io_uring_cqe& cqe) {
  Pair& pair = *d.pair;
  const bool last = !(cqe.flags & IORING_CQE_F_MORE);
  if (last) {
    --pair.operations;
    d.receiving = d.cancelling = false;
  }
  // Only large reads ask again at once: an answer that fitted is over, and trying costs more than
  // the poll.
  d.more = large_ && (cqe.flags & IORING_CQE_F_SOCK_NONEMPTY);
  const uint16_t buffer =
      large_ ? uint16_t(d.own_receiving) : uint16_t(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  if (cqe.res <= 0 || pair.dead) {
    if (large_) {
      d.own_taken[buffer] = false;
    } else if (cqe.flags & IORING_CQE_F_BUFFER) {
      Lend(buffer);
    }
  }
  if (pair.dead) return FreeIfDone(pair);
  if (cqe.res > 0) {
    uint8_t* data = large_ ? d.own[buffer] : lent_memory_ + buffer * options_.buffer_bytes;
    if (!large_) ++held_buffers_;
    d.pieces.push_back(Piece{data, uint32_t(cqe.res), buffer});
    if (d.pieces.size() >= kPiecesHigh && d.receiving && !d.cancelling) {
      io_uring_prep_cancel64(Entry(Tag::kIgnore, nullptr),
                             reinterpret_cast<uint64_t>(&d) | uint64_t(Tag::kRecv), 0);
      d.cancelling = true;
    }
  } else if (cqe.res == 0) {
    d.ended = true;
  } else if (cqe.res == -ENOBUFS) {
    d.starved = true;
    starved_.push_back(&d);
  } else if (cqe.res != -ECANCELED && cqe.res != -EINTR && cqe.res != -EAGAIN) {
    return Kill(pair);
  }
  MarkDirty(d);
}

void Relay::MarkDirty(Direction& d) {
  if (d.dirty) return;
  d.dirty = true;
  ++d.pair->operations;  // the list names the pair as an operation does
  dirty_.push_back(&d);
}

// `wait` lets the ring poll until everything is gone; without it the result is known when
// submission returns.
void Relay::Send(Direction& d, bool wait) {
  const size_t pieces = d.pieces.size() < kPiecesPerSend ? d.pieces.size() : kPiecesPerSend;
  const bool quiet = !wait && pieces == d.pieces.size() && !d.ended && d.receiving &&
                     !d.cancelling && starved_.empty();
  io_uring_sqe* sqe = Entry(quiet ? Tag::kSendQuiet : Tag::kSend, &d);
  const int flags = MSG_NOSIGNAL | MSG_WAITALL | (wait ? 0 : MSG_DONTWAIT);
  d.in_flight_bytes = 0;
  if (pieces == 1) {
    d.in_flight_bytes = d.pieces[0].size_bytes;
    io_uring_prep_send(sqe, d.to, d.pieces[0].data, d.in_flight_bytes, flags);
  } else {
    Vectored& v = vectored_.emplace_back();
    v.header = msghdr{};
    v.header.msg_iov = v.pieces;
    v.header.msg_iovlen = pieces;
    for (size_t i = 0; i < pieces; ++i) {
      v.pieces[i] = iovec{d.pieces[i].data, d.pieces[i].size_bytes};
      d.in_flight_bytes += d.pieces[i].size_bytes;
    }
    io_uring_prep_sendmsg(sqe, d.to, &v.header, flags);
  }
  d.sending = true;
  ++d.pair->operations;
  if (!quiet) return;
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  quiet_.push_back(&d);
}

void Relay::OnSent(Direction& d, int result) {
  Pair& pair = *d.pair;
  d.sending = false;
  --pair.operations;
  if (pair.dead) return FreeIfDone(pair);
  if (result < 0 && result != -EAGAIN && result != -EINTR) return Kill(pair);
  size_t sent_bytes = result > 0 ? size_t(result) : 0;
  const bool is_short = sent_bytes < d.in_flight_bytes;
  size_t done = 0;
  while (sent_bytes > 0) {
    Piece& piece = d.pieces[done];
    if (sent_bytes < piece.size_bytes) {
      piece.data += sent_bytes;
      piece.size_bytes -= uint32_t(sent_bytes);
      break;
    }
    sent_bytes -= piece.size_bytes;
    Release(d, piece);
    ++done;
  }
  d.pieces.erase(d.pieces.begin(), d.pieces.begin() + long(done));
  if (is_short) {
    Send(d, true);
  } else if (!d.pieces.empty() || d.ended || !d.receiving) {
    MarkDirty(d);
  }
}

void Relay::Release(Direction& d, const Piece& piece) {
  if (large_) {
    d.own_taken[piece.buffer] = false;
  } else {
    --held_buffers_;
    Lend(piece.buffer);
  }
}

void Relay::FlushSends() {
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Direction& d = *dirty_[i];
    Pair& pair = *d.pair;
    d.dirty = false;
    --pair.operations;
    if (pair.dead) {
      FreeIfDone(pair);
      continue;
    }
    // Armed before the send, so that the send may be quiet; the ring still runs them in this order,
    // and with POLL_FIRST the receive only posts its poll.
    if (d.pieces.empty() || !d.multishot) ArmRecv(d);
    if (!d.pieces.empty()) {
      if (!d.sending) Send(d, false);
    } else if (d.ended && !d.shut) {
      d.shut = true;
      if (!pair.up.shut || !pair.down.shut) {
        shutdown(d.to, SHUT_WR);
      } else {
        pair.dead = true;  // both ends are done: closing says the rest
        FreeIfDone(pair);
      }
    }
  }
  dirty_.clear();
}

void Relay::SettleQuietSends() {
  if (quiet_.empty()) return;
  unsigned head;
  io_uring_cqe* cqe;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    if (Tag(cqe->user_data & kTagMask) != Tag::kSendQuiet) continue;
    Direction& d = *reinterpret_cast<Direction*>(cqe->user_data & ~kTagMask);
    d.quiet_failed = true;
    d.quiet_result = cqe->res;
  }
  for (Direction* d : quiet_) {
    const int result = d->quiet_failed ? d->quiet_result : int(d->in_flight_bytes);
    d->quiet_failed = false;
    OnSent(*d, result);
  }
  quiet_.clear();
}

// While all lent buffers hold bytes, the sends that will free them are not quiet, so their
// completions come here.
void Relay::WakeStarved() {
  if (starved_.empty() || held_buffers_ == kLentBuffers) return;
  for (Direction* d : starved_) {
    d->starved = false;
    MarkDirty(*d);
  }
  starved_.clear();
}

// The sockets are shut, which ends every operation on them; the last answer frees the pair.
void Relay::Kill(Pair& pair) {
  if (!pair.dead) {
    pair.dead = true;
    shutdown(pair.client, SHUT_RDWR);
    shutdown(pair.server, SHUT_RDWR);
  }
  FreeIfDone(pair);
}

void Relay::FreeIfDone(Pair& pair) {
  if (!pair.dead || pair.operations > 0 || pair.client < 0) return;
  for (Direction* d : {&pair.up, &pair.down}) {
    if (d->starved) std::erase(starved_, d);
    for (const Piece& piece : d->pieces) Release(*d, piece);
    d->pieces.clear();
  }
  Close(pair.client);
  Close(pair.server);
  pair.client = pair.server = -1;
  free_pairs_.push_back(&pair);
}

void Relay::Close(int fd) {
  io_uring_sqe* sqe = Entry(Tag::kIgnore, nullptr);
  io_uring_prep_close(sqe, fd);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Relay::Run() {
  for (;;) {
    FlushSends();
    const int result = io_uring_submit_and_wait(&ring_, 1);
    if (result < 0 && result != -EINTR) Die("io_uring_submit_and_wait", -result);
    vectored_.clear();
    // Counted first: an event below may submit, and what that completes belongs to the next turn.
    const unsigned count = io_uring_cq_ready(&ring_);
    SettleQuietSends();
    unsigned head;
    unsigned seen = 0;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      if (seen++ == count) break;
      void* object = reinterpret_cast<void*>(cqe->user_data & ~kTagMask);
      Direction* d = static_cast<Direction*>(object);
      switch (Tag(cqe->user_data & kTagMask)) {
        case Tag::kAccept:
          OnAccept(*cqe);
          break;
        case Tag::kConnect:
          OnConnect(*d->pair, cqe->res);
          break;
        case Tag::kRecv:
          OnRecv(*d, *cqe);
          break;
        case Tag::kSend:
          OnSent(*d, cqe->res);
          break;
        case Tag::kSendQuiet:  // SettleQuietSends saw it
        case Tag::kIgnore:
          break;
      }
    }
    io_uring_cq_advance(&ring_, count);
    WakeStarved();
  }
}

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const long value = atol(argv[i + 1]);
    if (strcmp(argv[i], "--listen") == 0)
      options->listen_port = uint16_t(value);
    else if (strcmp(argv[i], "--to") == 0)
      options->to_port = uint16_t(value);
    else if (strcmp(argv[i], "--buffer") == 0)
      options->buffer_bytes = size_t(value);
    else if (strcmp(argv[i], "--cpu") == 0)
      options->cpu = int(value);
    else
      return false;
  }
  const size_t size = options->buffer_bytes;
  const bool size_known = size == 4096 || size == 16384 || size == 65536;
  return argc % 2 == 1 && options->listen_port != 0 && options->to_port != 0 && size_known;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, &options)) {
    fprintf(stderr,
            "usage: bench_relay --listen PORT --to PORT [--buffer 4096|16384|65536] [--cpu N]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (options.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) Die("sched_setaffinity", errno);
  }
  Relay relay(options);
  relay.Start();
  relay.Run();
}
