// access_log.h - lines about traffic: what every one of them has, and those without a stream.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   as log_record.h.
// Errors:  none: a line that cannot be sent is lost and counted by its target.
// States:  none.
//
// What is particular to a stream is in stream_log.h.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/log/log_record.h"
#include "engine/server/log_config.h"
#include "shard/conn/close_reason.h"

namespace shard {
class Connection;
}

namespace engine {

class Session;
class StreamContext;
class Worker;
struct ProxyConfig;

// What is known of the frontend, the client and the process. `now_us` is the shard's clock.
// `needs`: as LogFormat::needs().
void FillSession(const Session& session, uint32_t needs, uint64_t now_us, LogRecord& record);

// What kind of line a record becomes, and how loud it is.
enum class LogOutcome : uint8_t { kGood, kError };
// Writes the record in the frontend's format to where the frontend logs to, and counts the line.
// `context`: what its expressions look at. `kept`: their values that were taken before, null for
// none. `level`: what a rule has chosen; kCount: no line.
void SayTraffic(Worker& worker, const ProxyConfig& frontend, LogOutcome outcome,
                const LogRecord& record, EvalContext& context, const KeptSample* kept = nullptr,
                std::optional<LogLevel> level = std::nullopt);

// A rule's own line (manual 4.4, do-log), of what is known by now. `profile`: the name of the one
// that holds in place of those of the loggers; empty: none.
void SayByRule(StreamContext& context, LogOrigin origin, std::string_view profile);

// A request that never became a stream: not understood, cut off or late. `client`: its connection.
// `since_us`: when the client was first waited for.
void LogBadRequest(const Session& session, shard::Connection* client, uint16_t status,
                   shard::CloseReason reason, uint64_t since_us);
// A connection that ended before anything could be asked of it (manual 8.2.5). The session still
// has it, and it knows its reason.
void LogHandshakeError(const Session& session, shard::CloseReason reason);

}  // namespace engine
