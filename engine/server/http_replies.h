// http_replies.h - the responses a proxy gives by itself: built in, read from files, looked up.
//
// Owns:    the built-in replies; replies of a configuration belong to its ProxyConfigs.
// Threads: immutable; ParseReplyFile and ReadReplyFile at start-up.
// Units:   bytes.
// Errors:  Parsed::error, a clause that follows the name of the file.
// States:  none.
//
//   const HttpReply& reply = FindReply(frontend, backend, 503);
//   if (!reply.silent) Send(reply);  // then close when reply.close

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/config/value.h"
#include "engine/server/proxy_config.h"

namespace engine {

// The statuses that `errorfile` and its kin may replace (manual 4.2), in rising order.
std::span<const uint16_t> ReplyStatuses();
bool IsReplyStatus(uint32_t status);

// What answers without any `errorfile`. For a status that is not in ReplyStatuses(): the one of
// 500.
const HttpReply& BuiltInReply(uint16_t status);

// The backend's own reply, else the frontend's, else the built-in one. `backend` is null before one
// was chosen, and may be the frontend itself.
const HttpReply& FindReply(const ProxyConfig& frontend, const ProxyConfig* backend,
                           uint16_t status);

// A whole HTTP/1 response, lines ended by CRLF or LF. Empty contents are a silent reply. Names
// become lower case, as every name HAProxy sends; Content-Length and Connection are left out.
Parsed<HttpReply> ParseReplyFile(std::string_view contents);

// The contents of a file of at most `bytes_max`.
Parsed<std::string> ReadReplyFile(const std::string& path, size_t bytes_max);

// What the reply takes in a buffer, as HTTP/1.
size_t ReplyBytes(const HttpReply& reply);

}  // namespace engine
