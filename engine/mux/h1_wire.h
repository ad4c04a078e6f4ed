// h1_wire.h - what both HTTP/1 muxes do with a connection: bytes that wait to be parsed, bytes that
// wait to be sent, and the message that is being written.
//
// Owns:    both queues and the progress of the message on its way out. Part of a mux, never
//          virtual.
// Threads: shard-local.
// Units:   bytes.
// Errors:  returned; what they mean for the stream is the mux's to say.
// States:  of the message on its way out: BeginExchange() -> head put -> body -> over.

#pragma once

#include "engine/mux/h1_message.h"
#include "shard/conn/connection.h"

namespace engine {

class H1Wire {
 public:
  // What may wait unparsed: a head's worth. More stays with the connection, which stops reading.
  static constexpr size_t kUnparsedBytesMax = 65536;
  enum class HeadResult : uint8_t { kDone, kNeedMore, kTooLarge, kBad, kNoMemory };

  explicit H1Wire(shard::Connection& connection)
      : connection_(connection),
        in_(*connection.context().slices),
        out_(*connection.context().slices) {}

  shard::Connection& connection() const { return connection_; }
  shard::ShardContext& context() const { return connection_.context(); }
  shard::ChunkPool& small() const { return *connection_.context().small; }

  // Reading.
  shard::ByteQueue& in() { return in_; }
  // Everything that has come and nobody has taken.
  size_t unread_bytes() { return in_.size() + connection_.wire_in().size(); }
  void Fill() {
    if (in_.size() < kUnparsedBytesMax) connection_.Recv(in_, kUnparsedBytesMax - in_.size());
  }
  // What is read from here on belongs to another exchange.
  void BeginReading() { bytes_read_ = 0; }
  // Goes on parsing what is here, which must not be empty. kDone: the head is consumed and its
  // chunk is held by `message`.
  template <typename Message>
  HeadResult ParseHead(Message& message) {
    const bool moved = in_.head()->next != nullptr;
    if (!MakeContiguous(in_, *context().slices, small())) return HeadResult::kNoMemory;
    if (moved) message.parser.Relocate(in_.front().begin());
    switch (message.parser.Parse(in_.front().view())) {
      case proto::ParseResult::kDone:
        message.HoldHead(in_.front().chunk);
        in_.Consume(message.parser.head_bytes());
        bytes_read_ += message.parser.head_bytes();
        return HeadResult::kDone;
      case proto::ParseResult::kNeedMore:
        return HeadResult::kNeedMore;
      case proto::ParseResult::kTooLarge:
        return HeadResult::kTooLarge;
      case proto::ParseResult::kBad:
        break;
    }
    return HeadResult::kBad;
  }
  // Moves up to `max` bytes of body into `to`; returns how many.
  size_t ReadBody(H1BodyReader& body, shard::ByteQueue& to, size_t max);
  // Reads what is here of `body` to drop it.
  void Discard(H1BodyReader& body);
  // The connection has ended in the middle of `body`. One that ends in that way is ended.
  bool CutShort(H1BodyReader& body);

  // Splicing (see shard/stream/endpoint.h).
  uint64_t SpliceLeft(const H1BodyReader& body) const {
    const bool idle = in_.empty() && connection_.wire_in().empty() && !connection_.wire_ended();
    if (!idle || !connection_.can_splice()) return 0;
    const uint64_t left = body.PlainLeft();
    return left == shard::Endpoint::kSpliceUnbounded && !connection_.in_bulk() ? 0 : left;
  }
  size_t SpliceIn(H1BodyReader& body, shard::Pipe& pipe);
  bool CanSpliceOut() const {
    return head_sent_ && writer_.PlainRoom() > 0 && connection_.can_splice_out();
  }
  size_t SpliceOut(shard::Pipe& pipe);

  // Writing.
  shard::ByteQueue& out() { return out_; }
  size_t unsent_bytes() const { return out_.size() + connection_.unsent_bytes(); }
  void BeginExchange() {
    head_sent_ = over_ = tunnel_ = false;
    trailers_ = nullptr;
    bytes_written_ = 0;
  }
  // False: no memory, or it does not fit a buffer. It is not pushed: a body that is here goes out
  // with it.
  [[nodiscard]] bool PutHead(const proto::RequestHead& head, const proto::NameCase* name_case);
  [[nodiscard]] bool PutHead(const proto::ResponseHead& head, const proto::NameCase* name_case);
  // The final head has been put; its body follows.
  void BeginBody(proto::BodyKind kind, uint64_t length) {
    head_sent_ = true;
    writer_.Begin(kind, length);
  }
  // A whole answer, as it is.
  void SendText(std::string_view text);
  // Takes bytes of body as far as there is room. Nothing before the head, and little leaves before
  // Push(): the stream calls it once a turn, and what ends a connection goes with its end.
  size_t Send(shard::ByteQueue& bytes);
  // Framing broke for want of memory: nothing may follow.
  bool failed() const { return writer_.failed(); }
  // Ends the message, in a tunnel the sending direction. False: it is short of what its head said.
  bool EndMessage();
  void Push();
  // Nothing follows the message on this connection, and the peer may see that.
  void ShutBehindMessage() {
    if (over_) {
      shut_when_pushed_ = true;
      Push();
    }
  }
  // Gives the connection up, after the bytes that stand ready.
  void CloseAfterFlush(uint64_t deadline_ms, bool drain = false) {
    connection_.CloseAfterFlush(deadline_ms, drain, &out_);
  }
  void SetTrailers(const proto::FieldList* trailers) { trailers_ = trailers; }
  void StartTunnel() { tunnel_ = true; }

  // Of one exchange, heads and framing included.
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }
  bool head_sent() const { return head_sent_; }
  bool over() const { return over_; }
  // Over, and everything of it was said.
  bool whole() const { return over_ && writer_.ended(); }
  // The peer will take the end of the connection for that of the message, which is not over.
  bool cut_unseen() const { return head_sent_ && writer_.EndsByClose(); }
  bool tunnel() const { return tunnel_; }

 private:
  shard::Connection& connection_;
  shard::ByteQueue in_;   // plain bytes not parsed yet
  shard::ByteQueue out_;  // plain bytes the connection had no room for
  H1BodyWriter writer_;
  const proto::FieldList* trailers_ = nullptr;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  bool head_sent_ : 1 = false;
  bool over_ : 1 = false;
  bool tunnel_ : 1 = false;
  bool shut_when_pushed_ : 1 = false;
};

}  // namespace engine
