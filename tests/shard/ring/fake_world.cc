// The contract's world without a kernel, for the fake driver.

#include <arpa/inet.h>

#include "base/check.h"
#include "tests/fake/fake_ring.h"
#include "tests/shard/ring/ring_contract.h"

namespace shard {
namespace {

class FakeWorldPeer final : public RingPeer {
 public:
  explicit FakeWorldPeer(std::unique_ptr<tests::FakePeer> peer) : peer_(std::move(peer)) {}
  size_t Write(std::string_view bytes) override { return peer_->Write(bytes); }
  std::string Read(size_t max) override { return peer_->Read(max); }
  bool AtEnd() override { return peer_->AtEnd(); }
  void CloseWrite() override { peer_->CloseWrite(); }
  void Close() override { peer_->Close(); }
  void Reset() override { peer_->Reset(); }

 private:
  std::unique_ptr<tests::FakePeer> peer_;
};

class FakeWorld final : public RingWorld {
 public:
  explicit FakeWorld(const RingWorldOptions& options)
      : RingWorld(options),
        net_(clock_, options.seed,
             options.seed == 0 ? tests::FakeModes{} : tests::FakeModes::Mischief()) {
    RingOptions ring_options;
    ring_options.small = &small_;
    ring_options.large = &large_;
    ring_ = net_.OpenRing(ring_options);
  }
  ~FakeWorld() override { ring_.reset(); }
  bool is_kernel() const override { return false; }
  uint64_t NowMicros() override { return clock_.now_us(); }
  int Pair(std::unique_ptr<RingPeer>* peer) override {
    std::unique_ptr<tests::FakePeer> fake;
    const int fd = net_.Pair(&fake);
    *peer = std::make_unique<FakeWorldPeer>(std::move(fake));
    return fd;
  }
  int Listen(sockaddr_in* address) override {
    *address = NextAddress();
    return net_.Listen(reinterpret_cast<sockaddr*>(address), sizeof(*address));
  }
  std::unique_ptr<RingPeer> Dial(const sockaddr_in& address) override {
    auto peer = net_.Dial(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    MUST(peer != nullptr);
    return std::make_unique<FakeWorldPeer>(std::move(peer));
  }
  sockaddr_in RefusingAddress() override { return NextAddress(); }
  sockaddr_in SilentAddress() override {
    const sockaddr_in address = NextAddress();
    net_.ScriptConnect(reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                       {tests::ConnectOutcome::kNever});
    return address;
  }
  void CloseNow(int fd) override { net_.CloseFd(fd); }

 private:
  sockaddr_in NextAddress() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_++);
    return address;
  }

  tests::FakeClock clock_;
  tests::FakeNet net_;
  uint16_t port_ = 10000;
};

}  // namespace

std::unique_ptr<RingWorld> MakeFakeWorld(const RingWorldOptions& options) {
  return std::make_unique<FakeWorld>(options);
}

}  // namespace shard
