#include "tls/layer.h"

#include "shard/conn/connection.h"
#include "tls/link.h"

namespace tls {
namespace {

using shard::CloseReason;
using shard::Connection;

class Layer final : public shard::DataLayer {
 public:
  const char* name() const override { return "SSL"; }
  size_t Recv(Connection& connection, shard::ByteQueue& plain, size_t max) override {
    return Link::Of(connection)->Recv(plain, max);
  }
  size_t Send(Connection& connection, shard::ByteQueue& plain) override {
    return Link::Of(connection)->Send(plain);
  }
  bool ReadEnded(const Connection& connection) const override {
    return Link::Of(connection)->read_ended();
  }
  bool HasUnread(const Connection& connection) const override {
    return Link::Of(connection)->has_unread();
  }
  bool Truncated(const Connection& connection) const override {
    return Link::Of(connection)->truncated();
  }
  void CloseNotify(Connection& connection) override { Link::Of(connection)->CloseNotify(); }
  void Release(Connection& connection) override { Link::Of(connection)->Release(); }
};

class Step final : public shard::Handshake {
 public:
  Step(const char* name, CloseReason timeout, CloseReason abort)
      : name_(name), timeout_(timeout), abort_(abort) {}
  const char* name() const override { return name_; }
  shard::HandshakeResult Run(Connection& connection) override {
    return Link::Of(connection)->Shake();
  }
  bool IsCostly(const Connection& connection) const override {
    return Link::Of(connection)->shake_is_costly();
  }
  CloseReason timeout_reason() const override { return timeout_; }
  CloseReason abort_reason() const override { return abort_; }

 private:
  const char* const name_;
  const CloseReason timeout_;
  const CloseReason abort_;
};

}  // namespace

shard::DataLayer* TlsLayer() {
  static Layer layer;
  return &layer;
}

shard::Handshake* AcceptStep() {
  static Step step("TLS-ACCEPT", CloseReason::kTlsTimeout, CloseReason::kTlsAbort);
  return &step;
}

shard::Handshake* ConnectStep() {
  static Step step("TLS-CONNECT", CloseReason::kTlsServerTimeout, CloseReason::kTlsServerAbort);
  return &step;
}

}  // namespace tls
