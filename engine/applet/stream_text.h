// stream_text.h - one stream as `show sess` shows it: in a line, or whole with its last moves.
//
// Owns:    nothing.
// Threads: shard-local: the shard of the stream.
// Units:   bytes; times as the clock on the wall of this machine.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

class Stream;

// What `show sess` calls a stream: unique in the process, and tells the shard.
uint64_t StreamIdOf(const Stream& stream, uint32_t shard);
// Takes "0x..." or the digits alone. False: it names no stream there can be.
bool ParseStreamId(std::string_view text, uint32_t shards, uint32_t* shard, uint64_t* id);

// `with_uri`: the request's, where it is kept for a log.
std::string StreamLine(Stream& stream, uint64_t now_us, bool with_uri);
std::string StreamDetails(Stream& stream, uint64_t now_us);

// Its timer should have ended it long ago, or nothing would: no stream is meant to be seen so.
bool IsSuspicious(Stream& stream, uint64_t now_ms);

}  // namespace engine
