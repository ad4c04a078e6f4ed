// fake_ring.h - the scripted driver of shard::Ring: a network of fake descriptors, no kernel.
//
// Owns:    FakeNet owns the fake descriptors and their bytes; a FakeRing its pending operations; a
//          FakePeer its end of a stream. A net outlives its rings.
// Threads: one thread for a net and all its rings, so a run is the same for the same seed.
// Units:   microseconds of a FakeClock; probabilities from 0 to 1.
// Errors:  as the kernel's: -errno in the completion. Leaks at the end die with a list (see Leaks).
// States:  a stream: open -> ended (FIN) or reset, each direction by itself.
//
//   tests::FakeClock clock;
//   tests::FakeNet net(clock, seed, tests::FakeModes::Mischief());
//   auto ring = net.OpenRing(options);
//   auto client = net.Dial(listener_address);     // the ring accepts it
//   client->Write("GET / HTTP/1.1\r\n\r\n");
//   net.ScriptConnect(server, {.delay_us = 500});
//   auto server = net.TakeServerPeer(address);    // after the ring's connect was answered
//
// Turn() moves the clock to the next thing that happens, or to its deadline, unless
// set_auto_advance(false): then it returns at once and the simulator moves time by itself.
// Descriptor numbers are reused lowest first, as the kernel does, so that stale ones get found.

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/ring/ring.h"
#include "tests/fake/fake_clock.h"

namespace tests {

// What goes wrong at random. All zero: the friendliest possible kernel.
struct FakeModes {
  double short_read = 0;
  double short_write = 0;
  double no_buffers = 0;      // a receive is answered -ENOBUFS although there are chunks
  double late = 0;            // an operation that could finish does so later
  uint64_t late_max_us = 0;   // by up to that much
  double reorder = 0;         // the answers of a turn are shuffled, each stream's in order
  double multishot_ends = 0;  // the answer of a multishot operation is its last
  double end_is_lost = 0;     // a multishot receive never tells the end right behind its bytes
  double accept_emfile = 0;
  double cancel_loses = 0;  // what could finish when it is cancelled does
  double fails = 0;         // an operation that could finish fails, with any errno it may have
  double call_fails = 0;    // likewise a call that is answered at once: socket, pipe, splice, ...

  static FakeModes Mischief();
};

// One direction of a stream.
struct FakePipe {
  std::string bytes;
  size_t capacity = 128 * 1024;
  bool ended = false;   // the writer has finished
  bool broken = false;  // the reader is gone
  bool reset = false;

  size_t Room() const { return bytes.size() < capacity ? capacity - bytes.size() : 0; }
};

// An open file of the fake kernel. Operations hold it open past Close(), as the real one does.
struct FakeFile {
  enum class Kind : uint8_t { kSocket, kStream, kListener, kPipeEnd };

  ~FakeFile();
  // -ECONNRESET of a stream that was reset: told once, to whoever asks first; then 0.
  int TakeError();
  // The peer, or a failure, has reset it, and the answer under way says so.
  void ResetAndTell();

  Kind kind = Kind::kSocket;
  bool told = false;             // of the reset
  std::shared_ptr<FakePipe> rx;  // towards the ring
  std::shared_ptr<FakePipe> tx;
  std::deque<std::shared_ptr<FakeFile>> backlog;  // listener
  std::string local;                              // raw socket addresses
  std::string remote;
  std::map<std::pair<int, int>, std::string> options;  // by level and name
};

class FakeNet;

// The test's end of a stream.
class FakePeer {
 public:
  FakePeer(std::shared_ptr<FakePipe> rx, std::shared_ptr<FakePipe> tx)
      : rx_(std::move(rx)), tx_(std::move(tx)) {}
  ~FakePeer() { Close(); }
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;

  size_t Write(std::string_view bytes);  // how many found room
  std::string Read(size_t max = SIZE_MAX);
  size_t readable() const { return rx_->bytes.size(); }
  // The ring's side has ended or reset the stream, and all it sent was read.
  bool AtEnd() const { return rx_->bytes.empty() && (rx_->ended || rx_->reset); }
  bool WasReset() const { return rx_->reset; }
  void CloseWrite() { tx_->ended = true; }
  void Close();
  void Reset();
  // How much may lie unread: towards the ring, and towards this peer.
  void SetCapacity(size_t to_ring, size_t to_peer) {
    tx_->capacity = to_ring;
    rx_->capacity = to_peer;
  }

 private:
  std::shared_ptr<FakePipe> rx_;
  std::shared_ptr<FakePipe> tx_;
};

enum class ConnectOutcome : uint8_t { kOk, kRefused, kUnreachable, kNever, kError };
struct ConnectScript {
  ConnectOutcome outcome = ConnectOutcome::kOk;
  uint64_t delay_us = 0;
  int error = 0;  // of kError: an errno value
};

class FakeRing;

class FakeNet {
 public:
  FakeNet(FakeClock& clock, uint64_t seed, const FakeModes& modes = {});
  // Dies, with the list and the seed, when something leaked and that is not allowed.
  ~FakeNet();
  FakeNet(const FakeNet&) = delete;
  FakeNet& operator=(const FakeNet&) = delete;

  std::unique_ptr<FakeRing> OpenRing(const shard::RingOptions& options);

  // A listening descriptor for a ring to accept on.
  int Listen(const sockaddr* address, socklen_t length);
  // A client connects, from 127.0.0.1 and `client_port` (0: any). Null when nobody listens there.
  std::unique_ptr<FakePeer> Dial(const sockaddr* address, socklen_t length,
                                 uint16_t client_port = 0);
  // A connected descriptor and its peer, without listener.
  int Pair(std::unique_ptr<FakePeer>* peer);
  // What connects to `address` come to. Without a script: to a listener of this net, else refused.
  void ScriptConnect(const sockaddr* address, socklen_t length, ConnectScript script);
  // The server's end of the oldest connect that a script let succeed; null: none.
  std::unique_ptr<FakePeer> TakeServerPeer(const sockaddr* address, socklen_t length);
  void CloseFd(int fd);
  std::shared_ptr<FakeFile> FileOf(int fd) const;  // null: not open

  FakeClock& clock() { return clock_; }
  FakeModes& modes() { return modes_; }
  uint64_t seed() const { return seed_; }
  void set_auto_advance(bool on) { auto_advance_ = on; }
  bool auto_advance() const { return auto_advance_; }
  size_t open_fds() const;
  // The n-th and all further accepts would exceed this many open descriptors: -EMFILE.
  void set_fds_max(size_t max) { fds_max_ = max; }
  // What is still open, pending or held, in words; empty: nothing.
  std::string Leaks() const;
  void set_leaks_allowed(bool allowed) { leaks_allowed_ = allowed; }

 private:
  friend class FakeRing;
  int AddFile(std::shared_ptr<FakeFile> file);  // the descriptor, or -EMFILE
  std::shared_ptr<FakeFile> ListenerFor(const std::string& address) const;
  bool Chance(double probability);
  uint64_t Random(uint64_t low, uint64_t high);  // both included
  // One of `errors`, negative, as often as `probability` says; else 0.
  int Failure(double probability, std::span<const int> errors);

  FakeClock& clock_;
  const uint64_t seed_;
  FakeModes modes_;
  std::mt19937_64 random_;
  bool auto_advance_ = true;
  bool leaks_allowed_ = false;
  size_t fds_max_ = SIZE_MAX;
  std::vector<std::shared_ptr<FakeFile>> files_;  // by descriptor less kFirstFd
  std::map<std::string, ConnectScript> scripts_;
  std::map<std::string, std::deque<std::unique_ptr<FakePeer>>> server_peers_;
  std::vector<FakeRing*> rings_;
};

class FakeRing final : public shard::Ring {
 public:
  FakeRing(FakeNet& net, const shard::RingOptions& options);
  ~FakeRing() override;

  const char* name() const override { return "fake"; }
  void Accept(shard::OpId op, int fd, bool multishot) override;
  void Connect(shard::OpId op, int fd, const sockaddr* address, socklen_t length) override;
  void Recv(shard::OpId op, int fd, shard::RecvMode mode, shard::BufferSize size) override;
  void Send(shard::OpId op, int fd, std::span<const iovec> bytes, shard::SendMode mode) override;
  void Poll(shard::OpId op, int fd, uint32_t events, bool multishot) override;
  void Cancel(shard::OpId op) override;
  void Close(int fd) override;
  int Socket(int family, int type, int protocol) override;
  int SetOption(int fd, int level, int option, const void* value, socklen_t length) override;
  int GetOption(int fd, int level, int option, int* value) override;
  int Bind(int fd, const sockaddr* address, socklen_t length) override;
  int Shutdown(int fd, int how) override;
  int GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) override;
  int GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) override;
  int GetSocketError(int fd) override;
  int PollNow(std::span<pollfd> asked) override;
  int OpenPipe(int fds[2], uint32_t* bytes) override;
  void ClosePipe(int read_fd, int write_fd) override;
  int Splice(int from, int to, size_t max) override;
  int RecvNow(int fd, void* to, size_t max) override;
  int SendNow(int fd, std::span<const iovec> bytes) override;
  std::span<const shard::Completion> Turn(uint64_t deadline_us) override;
  void Wake(shard::Ring* from) override;
  uint64_t enter_calls() const override { return turns_; }
  size_t asked_now() const { return asked_now_; }    // descriptors named to PollNow()
  uint64_t taken_now() const { return taken_now_; }  // bytes given by RecvNow()
  uint64_t sent_now() const { return sent_now_; }    // bytes taken by SendNow()

  // Operations submitted and not yet answered for the last time.
  size_t outstanding() const;
  // When something will happen by itself (a delayed connect, a late answer); UINT64_MAX: never.
  uint64_t NextEventMicros() const;
  bool woken() const { return woken_; }

 private:
  friend class FakeNet;
  enum class Call : uint8_t { kAccept, kConnect, kRecv, kSend, kPoll, kCancel, kClose };
  struct Op {
    shard::OpId op;
    Call call = Call::kClose;
    int fd = -1;
    bool multishot = false;
    bool end_lost = false;  // of a receive: FakeModes::end_is_lost
    shard::SendMode send_mode = shard::SendMode::kWait;
    shard::BufferSize size = shard::BufferSize::kSmall;
    uint32_t events = 0;
    std::string address;
    std::vector<iovec> iovecs;
    std::shared_ptr<FakeFile> file;
    uint64_t not_before_us = 0;  // late: could have finished, and will then
    bool was_late = false;
    ConnectScript script;
    uint64_t connected_us = 0;
  };
  struct Made {
    shard::Completion completion;
    const FakeFile* file;
    bool reading;
    bool awaited;
  };

  Op& Submit(Call call, shard::OpId op, int fd);
  bool IsUnderWay(Call call, int fd) const;
  // The error of a transfer made at once: drawn by `fails`, or that of the stream.
  int FailNow(FakeFile& file, std::span<const int> errors);
  size_t Put(FakePipe& pipe, std::span<const iovec> bytes);
  void StartSubmitted();
  void Start(Op op);
  void Sweep();
  // True: answered for the last time.
  bool Try(Op& op);
  bool Fail(Op& op);
  bool CouldFinish(const Op& op) const;
  bool TryAccept(Op& op);
  bool TryConnect(Op& op);
  bool TryRecv(Op& op);
  bool TrySend(Op& op);
  uint32_t ReadyEvents(const FakeFile& file) const;
  bool KeepsOn(const Op& op);
  void Answer(const Op& op, int result, bool more, shard::Chunk* chunk = nullptr);
  void Arrange();

  FakeNet& net_;
  shard::ChunkPool* small_;
  shard::ChunkPool* large_;
  uint64_t turns_ = 0;
  size_t asked_now_ = 0;
  uint64_t taken_now_ = 0;
  uint64_t sent_now_ = 0;
  bool woken_ = false;
  std::vector<Op> submitted_;
  std::list<Op> pending_;
  std::vector<Made> made_;
  std::vector<shard::Completion> completions_;
};

}  // namespace tests
