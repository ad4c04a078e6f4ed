// What the layers below a stream say of its two ends (manual 7.3.4, fs.* and bs.*).

#include <algorithm>
#include <cstdio>

#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "tls/info.h"

namespace engine {
namespace {

using shard::Blame;
using shard::Connection;
using shard::StreamSide;

enum class LayerEnd : uint8_t { kFront, kBack };

template <LayerEnd kSide>
StreamSide& SideOf(Stream& stream) {
  return kSide == LayerEnd::kFront ? stream.client_side() : stream.server_side();
}

// The peer went away before the end: a silence that was too long and bytes that were not
// understood are other things.
bool IsAbort(shard::CloseReason reason, Blame blame) {
  const shard::CloseReasonInfo& info = shard::Info(reason);
  return info.blame == blame && (info.log_letter == 'C' || info.log_letter == 'S');
}

template <LayerEnd kSide>
bool Aborted(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr) return false;
  constexpr Blame kBlame = kSide == LayerEnd::kFront ? Blame::kClient : Blame::kServer;
  StreamSide& side = SideOf<kSide>(*stream);
  shard::Endpoint* endpoint = side.endpoint();
  const Connection* connection = endpoint == nullptr ? nullptr : endpoint->connection();
  // The other side is given up for it.
  return GiveBoolean(sample, IsAbort(stream->client_side().reason(), kBlame) ||
                                 IsAbort(stream->server_side().reason(), kBlame) ||
                                 (connection != nullptr && IsAbort(connection->reason(), kBlame)));
}

// A connection of HTTP/1 counts its exchanges from 1; bytes of TCP are no stream.
bool FrontId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr &&
         GiveNumber(sample, stream->is_http() ? stream->session().requests() : 0);
}
bool BackId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr || stream->server_side().endpoint() == nullptr) return false;
  const BackEndpoint* http = stream->http_back();
  return GiveNumber(sample, http == nullptr ? 0 : http->exchanges());
}

// The layers of manual 7.3.4, fs.debug_str.
enum Layer : uint32_t { kStreamLayer = 1, kMux = 2, kTransport = 4, kConnection = 8, kSocket = 16 };
constexpr uint32_t kAllLayers = 31;

// Pairs of a name and a value. What does not fit is left out: it is read by people.
class Pairs {
 public:
  explicit Pairs(Scratch& scratch)
      : scratch_(scratch),
        room_(std::min(scratch.left(), kBytesMax)),
        begin_(scratch.Take(room_)) {}
  template <typename... Values>
  void Add(const char* format, Values... values) {
    if (room_ - used_ < 2) return;
    if (used_ != 0) begin_[used_++] = ' ';
    const int length = snprintf(begin_ + used_, room_ - used_, format, values...);
    used_ += std::min(size_t(std::max(length, 0)), room_ - used_ - 1);
  }
  bool Finish(Sample& sample) {
    scratch_.Shrink(begin_, used_);
    return GiveText(sample, {begin_, used_});
  }

 private:
  static constexpr size_t kBytesMax = 512;
  Scratch& scratch_;
  const size_t room_;
  char* const begin_;
  size_t used_ = 0;
};

void AddConnection(Pairs& pairs, uint32_t layers, const Connection& connection) {
  if ((layers & kTransport) != 0) {
    const tls::Info info = tls::InfoOf(connection);
    if (info.version == nullptr) {
      pairs.Add("xprt=%s", "raw");
    } else {
      pairs.Add("xprt=tls tls.ver=%s tls.cipher=%s tls.resumed=%d", info.version, info.cipher,
                int(info.resumed));
    }
  }
  if ((layers & kConnection) != 0) {
    pairs.Add("conn.state=%u conn.err=%s conn.in=%llu conn.out=%llu conn.unsent=%zu",
              unsigned(connection.state()), shard::Info(connection.reason()).name,
              static_cast<unsigned long long>(connection.bytes_in()),
              static_cast<unsigned long long>(connection.bytes_out()), connection.unsent_bytes());
  }
  if ((layers & kSocket) != 0) {
    pairs.Add("fd=%d errno=%d", connection.fd(), connection.error());
  }
}

template <LayerEnd kSide>
bool DebugText(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr) return false;
  const auto layers = uint32_t(unit.number);
  StreamSide& side = SideOf<kSide>(*stream);
  Pairs pairs(context.scratch());
  if ((layers & kStreamLayer) != 0) {
    pairs.Add("side=%s end=%s shutr=%d shutw=%d", shard::SideStateName(side.state()),
              shard::Info(side.reason()).name, int(side.read_shut()), int(side.write_shut()));
  }
  shard::Endpoint* endpoint = side.endpoint();
  if (endpoint == nullptr) return pairs.Finish(sample);
  if ((layers & kMux) != 0) {
    pairs.Add("mux=%s mux.unsent=%zu",
              endpoint->connection() == nullptr ? "applet"
              : stream->is_http()               ? "h1"
                                                : "raw",
              endpoint->UnsentBytes());
  }
  if (const Connection* connection = endpoint->connection()) {
    AddConnection(pairs, layers, *connection);
  }
  return pairs.Finish(sample);
}

bool PrepareLayers(PreparedUnit& unit, std::string* why) {
  const int64_t given = unit.arguments.number(0, 0);
  unit.number = given == 0 ? kAllLayers : given;
  if (given >= 0 && given <= kAllLayers) return true;
  *why = "a sum of 1, 2, 4, 8 and 16 is expected";
  return false;
}

constexpr ArgumentSpec kBitmap[] = {{"bitmap", ArgumentType::kInteger, kOptional}};
using kind::kBoolean;
using kind::kNumber;
using kind::kText;
using needs::kServing;
using needs::kShaken;

constexpr FetchSpec kLayerFetches[] = {
    {"bs.aborted", kBoolean, {}, kServing, &Aborted<LayerEnd::kBack>},
    {"bs.debug_str", kText, kBitmap, needs::kServer, &DebugText<LayerEnd::kBack>, &PrepareLayers},
    {"bs.id", kNumber, {}, needs::kServer, &BackId},
    {"fs.aborted", kBoolean, {}, kServing, &Aborted<LayerEnd::kFront>},
    {"fs.debug_str", kText, kBitmap, kShaken, &DebugText<LayerEnd::kFront>, &PrepareLayers},
    {"fs.id", kNumber, {}, kServing, &FrontId},
};

}  // namespace

std::span<const FetchSpec> LayerFetches() { return kLayerFetches; }

}  // namespace engine
