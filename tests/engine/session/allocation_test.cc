// Steady traffic takes no memory from the heap. A program of its own, because it replaces malloc.

#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/expr/places.h"
#include "engine/fetch/units.h"
#include "engine/server/keep_config.h"
#include "engine/server/log_config.h"
#include "tests/engine/session/rig.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RINGWAY_MALLOC_HOOKS 1
// The compiler's package may lack sanitizer/allocator_interface.h.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           size_t),
                                                         void (*on_free)(const volatile void*));
#endif

namespace {

// Only what the product asks for is counted: not the test, and not the fake network.
thread_local bool counting = false;
thread_local uint64_t allocations = 0;

void Count() {
  if (counting) ++allocations;
}

class Counted {
 public:
  explicit Counted(bool on) : before_(counting) { counting = on; }
  ~Counted() { counting = before_; }

 private:
  const bool before_;
};

}  // namespace

#ifdef RINGWAY_MALLOC_HOOKS
namespace {
const int hooks_installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { Count(); }, [](const volatile void*) {});
}
#else
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* malloc(size_t bytes) {
  Count();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  Count();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  Count();
  return __libc_realloc(old, bytes);
}
}
#endif

namespace engine {
namespace {

// The fake ring behind a door that stops the count.
class UncountedRing final : public shard::Ring {
 public:
  explicit UncountedRing(std::unique_ptr<shard::Ring> ring) : ring_(std::move(ring)) {}
  ~UncountedRing() override {
    const Counted off(false);
    ring_.reset();
  }
  const char* name() const override { return ring_->name(); }
  void Accept(shard::OpId op, int fd, bool multishot) override {
    const Counted off(false);
    ring_->Accept(op, fd, multishot);
  }
  void Connect(shard::OpId op, int fd, const sockaddr* address, socklen_t length) override {
    const Counted off(false);
    ring_->Connect(op, fd, address, length);
  }
  void Recv(shard::OpId op, int fd, shard::RecvMode mode, shard::BufferSize size) override {
    const Counted off(false);
    ring_->Recv(op, fd, mode, size);
  }
  void Send(shard::OpId op, int fd, std::span<const iovec> bytes, shard::SendMode mode) override {
    const Counted off(false);
    ring_->Send(op, fd, bytes, mode);
  }
  void Poll(shard::OpId op, int fd, uint32_t events, bool multishot) override {
    const Counted off(false);
    ring_->Poll(op, fd, events, multishot);
  }
  void Cancel(shard::OpId op) override {
    const Counted off(false);
    ring_->Cancel(op);
  }
  void Close(int fd) override {
    const Counted off(false);
    ring_->Close(fd);
  }
  int Socket(int family, int type, int protocol) override {
    const Counted off(false);
    return ring_->Socket(family, type, protocol);
  }
  int SetOption(int fd, int level, int option, const void* value, socklen_t length) override {
    const Counted off(false);
    return ring_->SetOption(fd, level, option, value, length);
  }
  int GetOption(int fd, int level, int option, int* value) override {
    const Counted off(false);
    return ring_->GetOption(fd, level, option, value);
  }
  int Bind(int fd, const sockaddr* address, socklen_t length) override {
    const Counted off(false);
    return ring_->Bind(fd, address, length);
  }
  int Shutdown(int fd, int how) override {
    const Counted off(false);
    return ring_->Shutdown(fd, how);
  }
  int GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) override {
    const Counted off(false);
    return ring_->GetPeerName(fd, address, length);
  }
  int GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) override {
    const Counted off(false);
    return ring_->GetLocalName(fd, address, length);
  }
  int GetSocketError(int fd) override {
    const Counted off(false);
    return ring_->GetSocketError(fd);
  }
  int PollNow(std::span<pollfd> asked) override {
    const Counted off(false);
    return ring_->PollNow(asked);
  }
  int OpenPipe(int fds[2], uint32_t* bytes) override {
    const Counted off(false);
    return ring_->OpenPipe(fds, bytes);
  }
  void ClosePipe(int read_fd, int write_fd) override {
    const Counted off(false);
    ring_->ClosePipe(read_fd, write_fd);
  }
  int Splice(int from, int to, size_t max) override {
    const Counted off(false);
    return ring_->Splice(from, to, max);
  }
  int RecvNow(int fd, void* to, size_t max) override {
    const Counted off(false);
    return ring_->RecvNow(fd, to, max);
  }
  int SendNow(int fd, std::span<const iovec> bytes) override {
    const Counted off(false);
    return ring_->SendNow(fd, bytes);
  }
  std::span<const shard::Completion> Turn(uint64_t deadline_us) override {
    const Counted off(false);
    if (need_send_answers_) ring_->NeedSendAnswers();
    need_send_answers_ = false;
    return ring_->Turn(deadline_us);
  }
  void Wake(shard::Ring* from) override {
    const Counted off(false);
    ring_->Wake(from);
  }
  uint64_t enter_calls() const override { return ring_->enter_calls(); }

 private:
  std::unique_ptr<shard::Ring> ring_;
};

// Takes every line and keeps the last one.
class LastDatagram final : public Datagrams {
 public:
  int Open(const sockaddr*, socklen_t) override { return 0; }
  int Send(int, std::span<const iovec> lines) override {
    const Counted off(false);
    for (const iovec& line : lines) last.assign(static_cast<char*>(line.iov_base), line.iov_len);
    count += lines.size();
    return int(lines.size());
  }
  void Close(int) override {}
  std::string last;
  size_t count = 0;
};

// A proxy in mode http that logs in the HTTP format.
ProxyConfig& AddLoggedProxy(Rig& rig) {
  ProxyConfig& proxy = rig.AddListen("web", 80);
  proxy.mode = Mode::kHttp;
  proxy.timeouts = {.connect_ms = 2000, .client_ms = 30000, .server_ms = 30000};
  proxy.http_profile = std::make_shared<HttpProfile>();
  LogTarget target;
  target.address_length = 16;
  Logger logger;
  logger.target = rig.logs().AddTarget(target);
  auto log = std::make_shared<ProxyLog>();
  log->loggers.push_back(logger);
  LogFormatError error;
  EXPECT_TRUE(log->format.Compile(kHttpLogFormat, &error));
  log->needs = log->format.needs() | kNeedsClient;
  proxy.log = std::move(log);
  return proxy;
}

class AllocationTest : public testing::Test {
 protected:
  AllocationTest()
      : rig_({.shards = 2, .wrap_ring = [](std::unique_ptr<shard::Ring> ring) {
                return std::unique_ptr<shard::Ring>(new UncountedRing(std::move(ring)));
              }}) {
    proxy_ = &rig_.AddListen("relay", 80);
    proxy_->timeouts = {.connect_ms = 2000, .client_ms = 30000, .server_ms = 30000};
    rig_.AddServer(*proxy_, 9000);
    rig_.Start();
  }
  // Turns the shards with the count on until they rest.
  void Settle() {
    const Counted on(true);
    rig_.Settle();
  }
  Rig rig_;
  ProxyConfig* proxy_ = nullptr;
};

TEST_F(AllocationTest, CountsWhatIsTaken) {
  allocations = 0;
  {
    const Counted on(true);
    void* volatile plain = std::malloc(10);  // volatile: or the compiler leaves it out
    int* volatile object = new int(10);
    const Counted off(false);
    void* volatile uncounted = std::malloc(10);
    std::free(plain);
    delete object;
    std::free(uncounted);
  }
  EXPECT_EQ(allocations, 2u);
}

TEST_F(AllocationTest, TenThousandExchangesOnOneConnectionTakeNone) {
  auto client = rig_.Dial(80);
  auto server = rig_.WaitServer(9000);
  const std::string question = RandomText(1, 200), answer = RandomText(2, 3000);
  for (int i = 0; i < 10100; ++i) {
    if (i == 100) allocations = 0;
    client->Write(question);
    Settle();
    ASSERT_EQ(server->Read(), question);
    server->Write(answer);
    Settle();
    ASSERT_EQ(client->Read(), answer);
  }
  EXPECT_EQ(allocations, 0u);
}

TEST_F(AllocationTest, ThousandConnectionsTakeNone) {
  for (int i = 0; i < 1100; ++i) {
    if (i == 100) allocations = 0;
    auto client = rig_.Dial(80);
    Settle();
    auto server = rig_.TakeServer(9000);
    ASSERT_NE(server, nullptr);
    client->Write("question");
    Settle();
    ASSERT_EQ(server->Read(), "question");
    server->Write(std::string(50000, 'a'));
    server->CloseWrite();
    Settle();
    client->Close();
    Settle();
    server->Close();
    Settle();
    rig_.clock().Advance(1000000);
    Settle();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(rig_.live_sessions(), 0u);
}

TEST(SwitchedAllocationTest, ThousandConnectionsThatBecomeHttpTakeNone) {
  Rig rig({.wrap_ring = [](std::unique_ptr<shard::Ring> ring) {
    return std::unique_ptr<shard::Ring>(new UncountedRing(std::move(ring)));
  }});
  ProxyConfig& front = rig.AddFrontend("front", 80);
  ProxyConfig& pool = rig.AddBackend("pool");
  front.default_backend = &pool;
  pool.mode = Mode::kHttp;
  pool.http.reuse = ReusePolicy::kAlways;
  auto profile = std::make_shared<HttpProfile>();
  profile->response = proto::ResponseOptions();
  front.http_profile = pool.http_profile = profile;
  rig.AddServer(pool, 9000);
  rig.Start();
  const auto settle = [&rig] {
    const Counted on(true);
    rig.Settle();
  };
  std::unique_ptr<tests::FakePeer> server;
  for (int i = 0; i < 1100; ++i) {
    if (i == 100) allocations = 0;
    auto client = rig.Dial(80);
    client->Write("GET / HTTP/1.1\r\n");
    settle();
    client->Write("Host: a\r\nConnection: close\r\n\r\n");
    settle();
    if (server == nullptr) server = rig.TakeServer(9000);
    ASSERT_NE(server, nullptr);
    ASSERT_TRUE(server->Read().starts_with("GET / HTTP/1.1\r\n"));
    server->Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    settle();
    ASSERT_TRUE(client->Read().ends_with("ok"));
    client->Close();
    settle();
    if (server->AtEnd()) server.reset();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(rig.live_sessions(), 0u);
}

// Requests over one connection, each of which writes a line.
void ThousandLoggedRequests(Rig& rig, const LastDatagram& sink) {
  auto client = rig.Dial(80);
  client->Write("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = rig.WaitServer(9000);
  ASSERT_NE(server, nullptr);
  for (int i = 0; i < 1100; ++i) {
    if (i == 100) allocations = 0;
    const Counted on(true);
    rig.Settle();
    const Counted off(false);
    ASSERT_NE(server->Read(), "");
    server->Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    {
      const Counted answering(true);
      rig.Settle();
    }
    ASSERT_NE(client->Read(), "");
    client->Write("GET /next?a=b HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(sink.count, 1100u);
}

std::unique_ptr<shard::Ring> Uncounted(std::unique_ptr<shard::Ring> ring) {
  return std::unique_ptr<shard::Ring>(new UncountedRing(std::move(ring)));
}

TEST(LoggedAllocationTest, ThousandLoggedRequestsTakeNone) {
  LastDatagram sink;
  Rig rig({.shards = 1, .wrap_ring = &Uncounted, .datagrams = &sink});
  rig.AddServer(AddLoggedProxy(rig), 9000);
  rig.Start();
  ThousandLoggedRequests(rig, sink);
  EXPECT_NE(sink.last.find(" 200 43 - - ---- 1/1/0/0/0 0/0 \"GET /next?a=b HTTP/1.1\"\n"),
            std::string::npos)
      << sink.last;
}

// Captures, a unique id that the server is told of, and values of both heads and both connections.
TEST(LoggedAllocationTest, ThousandRequestsWithExpressionsTakeNone) {
  LastDatagram sink;
  Rig rig({.shards = 1, .wrap_ring = &Uncounted, .datagrams = &sink});
  ProxyConfig& proxy = AddLoggedProxy(rig);
  rig.AddServer(proxy, 9000);
  auto log = std::make_shared<ProxyLog>(*proxy.log);
  LogFormatError error;
  ASSERT_TRUE(log->format.Compile(
      "%hr %ID %[src] %[req.hdr(host),upper,base64] %[baseq,lower] %[res.hdr(content-length)] "
      "%[urlp(a)] %[bc_dst_port] %[txn.status] %[capture.req.hdr(0)]",
      &AllUnits(), place::kLog, &error))
      << error.message;
  log->needs = log->format.needs() | kNeedsClient;
  proxy.log = log;
  auto plan = std::make_shared<KeepPlan>();
  plan->request.push_back({"Host", 10});
  plan->value_bytes_max = 100;
  ASSERT_TRUE(
      plan->unique_id.Compile("%{+X}o%ci-%[rand(1)]", &AllUnits(), place::kHttpRequest, &error));
  for (const Expression& one : log->format.expressions()) {
    plan->values.push_back({&one, MomentOf(one.needs())});
  }
  proxy.keep = plan;
  proxy.unique_id_header = "x-id";
  rig.Start();
  ThousandLoggedRequests(rig, sink);
  const std::string expected = "{a} 7F000001-0 127.0.0.1 QQ== a/next?a=b 5 b 9000 200 a\n";
  EXPECT_NE(sink.last.find(expected), std::string::npos) << sink.last;
}

// The cookie is read, taken out, and set anew with its date, in a head of a browser's size.
TEST(CookieAllocationTest, ThousandRequestsWithCookiesTakeNone) {
  Rig rig({.shards = 1, .wrap_ring = [](std::unique_ptr<shard::Ring> ring) {
             return std::unique_ptr<shard::Ring>(new UncountedRing(std::move(ring)));
           }});
  ProxyConfig& proxy = rig.AddListen("web", 80);
  proxy.mode = Mode::kHttp;
  proxy.timeouts = {.connect_ms = 2000, .client_ms = 30000, .server_ms = 30000};
  proxy.http_profile = std::make_shared<HttpProfile>();
  proxy.http.cookie = {.name = "SRV",
                       .mode = CookieMode::kInsert,
                       .indirect = true,
                       .no_cache = true,
                       .max_idle_s = 100,
                       .max_life_s = 100,
                       .attributes = "; path=/; HttpOnly; Secure",
                       .dynamic_key = {}};
  rig.AddServer(proxy, 9000).cookie = "one";
  rig.Start();
  const std::string question =
      "GET /first HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nAccept-Language: en\r\n"
      "Cookie: session=0123456789abcdef0123456789abcdef; SRV=one; theme=dark\r\n"
      "User-Agent: " +
      std::string(120, 'u') + "\r\n\r\n";
  auto client = rig.Dial(80);
  client->Write(question);
  auto server = rig.WaitServer(9000);
  ASSERT_NE(server, nullptr);
  std::string answer;
  for (int i = 0; i < 1100; ++i) {
    if (i == 100) allocations = 0;
    const Counted on(true);
    rig.Settle();
    const Counted off(false);
    ASSERT_NE(server->Read().find("\r\ncookie: session=0123456789abcdef0123456789abcdef; theme="),
              std::string::npos);
    server->Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: SRV=own\r\n\r\nhello");
    {
      const Counted answering(true);
      rig.Settle();
    }
    answer = client->Read();
    ASSERT_NE(answer.find("\r\nset-cookie: SRV=one|"), std::string::npos) << answer;
    client->Write(question);
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_NE(answer.find("; path=/; HttpOnly; Secure\r\ncache-control: private\r\n"),
            std::string::npos)
      << answer;
}

}  // namespace
}  // namespace engine
