#include "shard/conn/connection.h"

namespace shard {
namespace {

class RawDataLayer final : public DataLayer {
 public:
  const char* name() const override { return "RAW"; }
  size_t Recv(Connection& connection, ByteQueue& plain, size_t max) override {
    return plain.MoveFrom(connection.wire_in(), max);
  }
  size_t Send(Connection& connection, ByteQueue& plain) override {
    if (connection.send_full()) return 0;
    return connection.wire_out().MoveFrom(plain);
  }
  bool ReadEnded(const Connection& connection) const override {
    return connection.wire_ended() && const_cast<Connection&>(connection).wire_in().empty();
  }
  void CloseNotify(Connection&) override {}
  void Release(Connection&) override {}
};

}  // namespace

DataLayer* RawLayer() {
  static RawDataLayer layer;
  return &layer;
}

}  // namespace shard
