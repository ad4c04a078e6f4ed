// response_rows.h - heads of responses, and what the parser says of each.
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

#include "proto/http1/parser_options.h"

namespace proto {

using std::string_view_literals::operator""sv;

struct ResponseRow {
  const char* name;
  std::string_view text;
  HeadError strict;   // with ResponseOptions()
  HeadError relaxed;  // with UnsafeResponseOptions()
  size_t offset;      // as RequestRow's; SIZE_MAX: the text's end
};

inline const ResponseRow kResponseRows[] = {
    {"shortest", "HTTP/1.1 200 \r\n\r\n"sv, HeadError::kNone, HeadError::kNone, SIZE_MAX},
    {"no blank behind the code", "HTTP/1.1 200\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     SIZE_MAX},
    {"reason", "HTTP/1.0 404 Not Found\r\n\r\n"sv, HeadError::kNone, HeadError::kNone, SIZE_MAX},
    {"reason with tab and high bytes", "HTTP/1.0 404 \t\xe9\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, SIZE_MAX},
    {"fields", "HTTP/1.1 200 OK\r\nServer: a\r\nDate:b\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, SIZE_MAX},
    {"body behind", "HTTP/1.1 200 OK\r\n\r\nbody"sv, HeadError::kNone, HeadError::kNone, 19},
    {"folding is mended", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, SIZE_MAX},
    {"unregistered code", "HTTP/1.1 999 x\r\n\r\n"sv, HeadError::kNone, HeadError::kNone, SIZE_MAX},
    {"no status line", "<html>"sv, HeadError::kBadVersion, HeadError::kNone, 0},
    {"empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 0},
    {"lower case", "http/1.1 200 OK\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 0},
    {"version 2", "HTTP/2.0 200 OK\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 5},
    {"version 1.10", "HTTP/1.10 200 OK\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 8},
    {"other protocol", "ICY/1.0 200 OK\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 0},
    {"two blanks", "HTTP/1.1  200 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kNone, 9},
    {"five digits", "HTTP/1.1 65535 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kNone, 9},
    {"five digits too large", "HTTP/1.1 65536 OK\r\n\r\n"sv, HeadError::kBadStatus,
     HeadError::kBadStatus, 9},
    {"six digits", "HTTP/1.1 000200 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"below 100", "HTTP/1.1 099 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"letters", "HTTP/1.1 2x0 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 10},
    {"negative", "HTTP/1.1 -20 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n"sv, HeadError::kBadStatus,
     HeadError::kBadStatus, 12},
    {"no code", "HTTP/1.1\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 8},
    {"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n"sv, HeadError::kBadReason,
     HeadError::kBadReason, 14},
    {"NUL in reason", "HTTP/1.1 200 O\0K\r\n\r\n"sv, HeadError::kBadReason, HeadError::kBadReason,
     14},
    {"bare LF", "HTTP/1.1 200 OK\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 15},
    {"bare LF behind the code", "HTTP/1.1 200\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 12},
    {"bare CR", "HTTP/1.1 200 OK\rx\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 15},
    {"blank before colon", "HTTP/1.1 200 OK\r\na : b\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kNone, 18},
    {"bad name", "HTTP/1.1 200 OK\r\na(: b\r\n\r\n"sv, HeadError::kBadNameByte, HeadError::kNone,
     18},
    {"NUL in value", "HTTP/1.1 200 OK\r\na: \0\r\n\r\n"sv, HeadError::kBadValueByte,
     HeadError::kNone, 20},
    {"bare LF in fields", "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n"sv, HeadError::kBareLf,
     HeadError::kBareLf, 21},
};

}  // namespace proto
