// chunk_rows.h - chunked bodies, and what the decoder says of each.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   offsets in bytes.
// Errors:  none.
// States:  none.
//
// Also what tests/fuzz mutates.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http1/chunk_decoder.h"

namespace proto {

using std::string_view_literals::operator""sv;

struct ChunkRow {
  const char* name;
  std::string_view text;
  ChunkResult result;
  ChunkError error;
  size_t consumed;  // SIZE_MAX: the text's end
  const char* data;
  const char* trailers;
};

inline const ChunkRow kChunkRows[] = {
    {"empty body", "0\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone, SIZE_MAX, "", ""},
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone, SIZE_MAX,
     "hello", ""},
    {"two chunks", "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"sv, ChunkResult::kDone,
     ChunkError::kNone, SIZE_MAX, "hello, world", ""},
    {"capital hex", "A\r\n0123456789\r\n0\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone,
     SIZE_MAX, "0123456789", ""},
    {"small hex", "a\r\n0123456789\r\n0\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone, SIZE_MAX,
     "0123456789", ""},
    {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone,
     SIZE_MAX, "hello", ""},
    {"next message behind", "0\r\n\r\nGET / HTTP"sv, ChunkResult::kDone, ChunkError::kNone, 5, "",
     ""},
    {"CRLF in data", "6\r\na\r\nb\r\n\r\n0\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone,
     SIZE_MAX, "a\r\nb\r\n", ""},
    {"extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n"sv, ChunkResult::kDone, ChunkError::kNone,
     SIZE_MAX, "hello", ""},
    {"extension with blanks", "5 \t; a = b\r\nhello\r\n0\r\n\r\n"sv, ChunkResult::kDone,
     ChunkError::kNone, SIZE_MAX, "hello", ""},
    {"quoted extension", "5;a=\"x;\\\"y\"\r\nhello\r\n0\r\n\r\n"sv, ChunkResult::kDone,
     ChunkError::kNone, SIZE_MAX, "hello", ""},
    {"trailers", "0\r\nA: b\r\nC:d\r\n\r\nX"sv, ChunkResult::kDone, ChunkError::kNone, 16, "",
     "A=b;C=d;"},
    {"forbidden trailers go", "0\r\nContent-Length: 5\r\nHost: a\r\nE: f\r\n\r\n"sv,
     ChunkResult::kDone, ChunkError::kNone, SIZE_MAX, "", "E=f;"},
    {"only forbidden trailers", "0\r\nTransfer-Encoding: chunked\r\n\r\n"sv, ChunkResult::kDone,
     ChunkError::kNone, SIZE_MAX, "", ""},
    {"incomplete", "5\r\nhel"sv, ChunkResult::kNeedMore, ChunkError::kNone, SIZE_MAX, "hel", ""},
    {"last CRLF missing", "0\r\n"sv, ChunkResult::kNeedMore, ChunkError::kNone, SIZE_MAX, "", ""},
    {"last LF missing", "0\r\n\r"sv, ChunkResult::kNeedMore, ChunkError::kNone, SIZE_MAX, "", ""},

    {"no size", "\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 0, "", ""},
    {"no hex", "xyz\r\n"sv, ChunkResult::kBad, ChunkError::kBadSize, 0, "", ""},
    {"plus", "+5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 0, "", ""},
    {"minus", "-5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 0, "", ""},
    {"0x", "0x5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 1, "", ""},
    {"blank first", " 5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 0, "", ""},
    {"blank behind", "5 \r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 2, "", ""},
    {"tab behind", "5\t\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 2, "", ""},
    {"blank within", "5 5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 2, "", ""},
    {"comma", "5,5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 1, "", ""},
    {"underscore", "1_0\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 1, "", ""},
    {"NUL", "5\0\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 1, "", ""},
    {"high byte", "5\xa0\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadSize, 1, "", ""},
    {"largest", "7fffffffffffffff\r\nhello"sv, ChunkResult::kNeedMore, ChunkError::kNone, SIZE_MAX,
     "hello", ""},
    {"one more", "8000000000000000\r\nhello"sv, ChunkResult::kBad, ChunkError::kSizeOverflow, 15,
     "", ""},
    {"2^64 - 1", "ffffffffffffffff\r\nhello"sv, ChunkResult::kBad, ChunkError::kSizeOverflow, 15,
     "", ""},
    {"2^64", "10000000000000000\r\nhello"sv, ChunkResult::kBad, ChunkError::kSizeOverflow, 16, "",
     ""},
    {"2^64 + 5", "10000000000000005\r\nhello"sv, ChunkResult::kBad, ChunkError::kSizeOverflow, 16,
     "", ""},
    {"too many zeros", "00000000000000005\r\nhello"sv, ChunkResult::kBad, ChunkError::kSizeOverflow,
     16, "", ""},
    {"bare LF behind the size", "5\nhello"sv, ChunkResult::kBad, ChunkError::kBareLf, 1, "", ""},
    {"bare LF first", "\n5\r\nhello"sv, ChunkResult::kBad, ChunkError::kBareLf, 0, "", ""},
    {"bare CR behind the size", "5\rhello"sv, ChunkResult::kBad, ChunkError::kBareCr, 2, "", ""},
    {"two CRs", "5\r\r\nhello"sv, ChunkResult::kBad, ChunkError::kBareCr, 2, "", ""},
    {"bare LF in extension", "5;a\nhello"sv, ChunkResult::kBad, ChunkError::kBareLf, 3, "", ""},
    {"bare CR in extension", "5;a\rb\r\nhello"sv, ChunkResult::kBad, ChunkError::kBareCr, 4, "",
     ""},
    {"NUL in extension", "5;a\0\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadExtension, 3, "",
     ""},
    {"line end in quotes", "5;a=\"\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadExtension, 5, "",
     ""},
    {"escaped line end in quotes", "5;a=\"\\\r\nhello"sv, ChunkResult::kBad,
     ChunkError::kBadExtension, 6, "", ""},
    {"backslash outside quotes", "5;a\\b\r\nhello"sv, ChunkResult::kBad, ChunkError::kBadExtension,
     3, "", ""},
    {"data too long", "5\r\nhelloX\r\n"sv, ChunkResult::kBad, ChunkError::kMissingCrlf, 8, "hello",
     ""},
    {"data too short", "5\r\nhell\r\n0\r\n\r\n"sv, ChunkResult::kBad, ChunkError::kMissingCrlf, 8,
     "hell\r", ""},
    {"LF behind data", "5\r\nhello\n0\r\n\r\n"sv, ChunkResult::kBad, ChunkError::kMissingCrlf, 8,
     "hello", ""},
    {"CR and more behind data", "5\r\nhello\rX"sv, ChunkResult::kBad, ChunkError::kMissingCrlf, 9,
     "hello", ""},
    {"nothing behind data", "5\r\nhello0\r\n\r\n"sv, ChunkResult::kBad, ChunkError::kMissingCrlf, 8,
     "hello", ""},
    {"LF ends the body", "0\r\n\n"sv, ChunkResult::kBad, ChunkError::kBadTrailer, 3, "", ""},
    {"CR and more end the body", "0\r\n\rX"sv, ChunkResult::kBad, ChunkError::kBareCr, 4, "", ""},
    {"request in the trailers", "0\r\nGET / HTTP/1.1\r\n\r\n"sv, ChunkResult::kBad,
     ChunkError::kBadTrailer, 6, "", ""},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n"sv, ChunkResult::kBad, ChunkError::kBadTrailer, 9,
     "", ""},
    {"bare LF in trailer", "0\r\nA: b\n\r\n"sv, ChunkResult::kBad, ChunkError::kBadTrailer, 7, "",
     ""},
    {"NUL in trailer", "0\r\nA: \0\r\n\r\n"sv, ChunkResult::kBad, ChunkError::kBadTrailer, 6, "",
     ""},
};

}  // namespace proto
