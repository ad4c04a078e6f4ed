#include "engine/applet/stream_text.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/clock.h"
#include "base/text.h"
#include "engine/server/proxy_config.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

using shard::Address;
using shard::CloseReason;
using shard::StreamSide;

// The shard stands above the number that a shard gives.
constexpr int kShardShift = 40;
constexpr uint64_t kIdMask = (uint64_t(1) << kShardShift) - 1;

const char* ModeName(const ProxyConfig& proxy) { return proxy.mode == Mode::kTcp ? "tcp" : "http"; }

struct Source {
  const char* protocol = "?";
  std::string address = "?";
};

// Of the client. A unix peer has no name, so its listener's id stands for it.
Source SourceOf(Stream& stream) {
  shard::Endpoint* endpoint = stream.client_side().endpoint();
  shard::Connection* connection = endpoint == nullptr ? nullptr : endpoint->connection();
  if (connection == nullptr) return {};
  const Address& peer = connection->PeerAddress();
  if (peer.is_ip()) return {peer.family == AF_INET ? "tcpv4" : "tcpv6", peer.ToString()};
  if (peer.family != AF_UNIX) return {};  // gone before anybody asked for its address
  return {"unix_stream", "unix:" + std::to_string(stream.session().bind().id)};
}

std::string BackendName(const Stream& stream) {
  return stream.backend() == nullptr ? "<NONE>" : stream.backend()->name;
}

std::string ServerName(Stream& stream) {
  if (stream.slot().server() != nullptr) return stream.slot().server()->name;
  const shard::AppletType* applet = stream.applet();
  return applet == nullptr ? "<none>" : "<" + std::string(applet->name()) + ">";
}

std::string AgeOf(Stream& stream, uint64_t now_us) {
  const uint64_t from_us = stream.session().accepted_us();
  const uint64_t seconds = now_us > from_us ? (now_us - from_us) / 1000000 : 0;
  if (seconds < 60) return base::Format("%us", unsigned(seconds));
  if (seconds < 3600)
    return base::Format("%um%02us", unsigned(seconds / 60), unsigned(seconds % 60));
  return base::Format("%lluh%02um%02us", static_cast<unsigned long long>(seconds / 3600),
                      unsigned(seconds / 60 % 60), unsigned(seconds % 60));
}

std::string WallTime(uint64_t wall_us, const char* format) {
  const time_t seconds = time_t(wall_us / 1000000);
  tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  strftime(text, sizeof(text), format, &local);
  return base::Format("%s.%03u", text, unsigned(wall_us / 1000 % 1000));
}

std::string ReasonText(CloseReason reason) {
  if (reason == CloseReason::kNone) return {};
  const shard::CloseReasonInfo& info = shard::Info(reason);
  return base::Format(" %s: %s", info.counter, info.text);
}

std::string SideText(StreamSide& side) {
  return base::Format("%s read=%s write=%s%s", SideStateName(side.state()),
                      side.read_shut() ? "shut" : "open", side.write_shut() ? "shut" : "open",
                      ReasonText(side.reason()).c_str());
}

std::string ChannelText(const shard::Channel& channel) {
  return base::Format(
      "in=%llu out=%llu waiting=%zu%s%s", static_cast<unsigned long long>(channel.bytes_produced()),
      static_cast<unsigned long long>(channel.bytes_consumed()), channel.bytes().size(),
      channel.ended() ? " ended" : "", channel.shut() ? " shut" : "");
}

std::string MovesText(const Stream& stream, uint32_t now_ms, uint64_t wall_us) {
  const shard::Trace& trace = stream.trace();
  const uint32_t kept = std::min(trace.count(), shard::Trace::kEntries);
  std::string text = base::Format("  moves: %u, the last %u of them:\n", trace.count(), kept);
  for (uint32_t i = 0; i < kept; ++i) {
    const shard::TraceEntry& entry = trace.At(i);
    const uint32_t ago_ms = now_ms - entry.at_ms;  // both are the low 32 bits
    text += base::Format("    %s %s %s -> %s%s\n",
                         WallTime(wall_us - uint64_t(ago_ms) * 1000, "%H:%M:%S").c_str(),
                         entry.side == 0 ? "client" : "server", SideStateName(entry.from),
                         SideStateName(entry.to), ReasonText(entry.reason).c_str());
  }
  return text;
}

}  // namespace

uint64_t StreamIdOf(const Stream& stream, uint32_t shard) {
  return (uint64_t(shard + 1) << kShardShift) | (stream.id() & kIdMask);
}

bool ParseStreamId(std::string_view text, uint32_t shards, uint32_t* shard, uint64_t* id) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  const uint64_t above = value >> kShardShift;
  if (above == 0 || above > shards) return false;
  *shard = uint32_t(above - 1);
  *id = value & kIdMask;
  return true;
}

// Deadlines are met with the next turn, which does not take a second.
bool IsSuspicious(Stream& stream, uint64_t now_ms) {
  constexpr uint64_t kLateMs = 1000;
  const StreamSide& client = stream.client_side();
  const StreamSide& server = stream.server_side();
  for (const StreamSide* side : {&client, &server}) {
    const uint64_t deadline_ms = side->deadline_ms();
    if (deadline_ms != 0 && deadline_ms + kLateMs < now_ms) return true;
  }
  const bool is_unwatched = client.deadline_ms() == 0 && server.deadline_ms() == 0;
  return is_unwatched && client.closed();
}

std::string StreamLine(Stream& stream, uint64_t now_us, bool with_uri) {
  const Source source = SourceOf(stream);
  const uint32_t shard = stream.worker().index();
  std::string line = base::Format(
      "0x%llx: proto=%s src=%s fe=%s be=%s srv=%s age=%s shard=%u cs=%s ss=%s rq=%llu rp=%llu",
      static_cast<unsigned long long>(StreamIdOf(stream, shard)), source.protocol,
      source.address.c_str(), stream.frontend().name.c_str(), BackendName(stream).c_str(),
      ServerName(stream).c_str(), AgeOf(stream, now_us).c_str(), shard,
      SideStateName(stream.client_side().state()), SideStateName(stream.server_side().state()),
      static_cast<unsigned long long>(stream.request().bytes_produced()),
      static_cast<unsigned long long>(stream.response().bytes_produced()));
  const std::string_view uri = with_uri ? stream.log().target() : std::string_view();
  if (!uri.empty()) line += " uri=\"" + std::string(uri) + "\"";
  return line + "\n";
}

std::string StreamDetails(Stream& stream, uint64_t now_us) {
  const Source source = SourceOf(stream);
  const uint32_t shard = stream.worker().index();
  const uint64_t wall_us = base::WallMicros();
  const uint64_t begin_us = wall_us - (now_us - std::min(stream.session().accepted_us(), now_us));
  const ProxyConfig& frontend = stream.frontend();
  const BindConfig& bind = stream.session().bind();
  std::string text = base::Format("0x%llx: [%s] shard=%u id=%llu proto=%s source=%s age=%s\n",
                                  static_cast<unsigned long long>(StreamIdOf(stream, shard)),
                                  WallTime(begin_us, "%d/%b/%Y:%H:%M:%S").c_str(), shard,
                                  static_cast<unsigned long long>(stream.id()), source.protocol,
                                  source.address.c_str(), AgeOf(stream, now_us).c_str());
  text += base::Format("  frontend=%s (id=%u mode=%s), listener=%s (id=%u) declared at %s:%d\n",
                       frontend.name.c_str(), frontend.id, ModeName(frontend),
                       bind.name.empty() ? "?" : bind.name.c_str(), bind.id,
                       bind.place.file.c_str(), bind.place.line);
  if (const ProxyConfig* backend = stream.backend()) {
    text += base::Format("  backend=%s (id=%u mode=%s)\n", backend->name.c_str(), backend->id,
                         ModeName(*backend));
  } else {
    text += "  backend=<NONE>\n";
  }
  const ServerConfig* server = stream.slot().server();
  text += "  server=" + ServerName(stream);
  if (server != nullptr) {
    text += base::Format(" (id=%u) addr=%s", server->id,
                         stream.slot().dial().address.ToString().c_str());
  }
  text += base::Format(" attempts=%u\n", stream.server_side().connect_attempts());
  text += "  client side: " + SideText(stream.client_side()) + "\n";
  text += "  server side: " + SideText(stream.server_side()) + "\n";
  text += "  request: " + ChannelText(stream.request()) + "\n";
  text += "  response: " + ChannelText(stream.response()) + "\n";
  return text + MovesText(stream, uint32_t(now_us / 1000), wall_us);
}

}  // namespace engine
