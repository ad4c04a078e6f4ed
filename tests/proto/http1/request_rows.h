// request_rows.h - heads of requests, and what the parser says of each.
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

struct RequestRow {
  const char* name;
  std::string_view text;
  HeadError strict;
  HeadError relaxed;  // with UnsafeRequestOptions()
  size_t offset;      // of the strict error; for a good head, its size
};

// Good heads end where the text does, unless the offset says otherwise.
inline constexpr size_t kWholeText = SIZE_MAX;

inline const RequestRow kRequestRows[] = {
    {"shortest", "GET / HTTP/1.0\r\n\r\n"sv, HeadError::kNone, HeadError::kNone, kWholeText},
    {"with Host", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"empty lines before", "\r\n\r\nGET / HTTP/1.0\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET"sv,
     HeadError::kTooManyEmptyLines, HeadError::kTooManyEmptyLines, 16},
    {"something behind", "GET / HTTP/1.0\r\n\r\nGET"sv, HeadError::kNone, HeadError::kNone, 18},
    {"no blank behind colon", "GET / HTTP/1.0\r\na:b\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"tabs around the value", "GET / HTTP/1.0\r\na:\t b c \t\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, kWholeText},
    {"empty value", "GET / HTTP/1.0\r\na:\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"blank value", "GET / HTTP/1.0\r\na:  \r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"high bytes in value", "GET / HTTP/1.0\r\na: \xe2\x82\xac\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, kWholeText},
    {"colon in value", "GET / HTTP/1.0\r\na: b:c\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"long method", "PROPFIND / HTTP/1.0\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"odd method", "a!#$%&'*+-.^_`|~1 / HTTP/1.0\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"odd name", "GET / HTTP/1.0\r\n!#$%&'*+-.^_`|~1: x\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, kWholeText},
    {"odd target bytes", "GET /\"<>\\^`{|} HTTP/1.0\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"minor version 2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"long value", "GET / HTTP/1.0\r\na: 0123456789abcdefghijklmnopqrstuvwxyz0123456789\r\n\r\n"sv,
     HeadError::kNone, HeadError::kNone, kWholeText},
    {"absolute", "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, kWholeText},
    {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"sv, HeadError::kNone,
     HeadError::kNone, kWholeText},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"sv, HeadError::kNone, HeadError::kNone,
     kWholeText},
    {"browser",
     "GET /static/app.js?v=3 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: */*\r\n"
     "Accept-Encoding: gzip, deflate, br\r\nCookie: a=1; b=2\r\n\r\n"sv,
     HeadError::kNone, HeadError::kNone, kWholeText},

    {"TLS on a clear port", "\x16\x03\x01\x02"sv, HeadError::kBadMethod, HeadError::kBadMethod, 0},
    {"empty method", " / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod, 0},
    {"method with colon", "GE:T / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     2},
    {"method with NUL", "GE\0T / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     2},
    {"method and tab", "GET\t/ HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     3},
    {"method alone", "GET\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod, 3},
    {"two blanks", "GET  / HTTP/1.0\r\n\r\n"sv, HeadError::kBadTarget, HeadError::kBadTarget, 4},
    {"space in target", "GET /a b HTTP/1.0\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 7},
    {"tab in target", "GET /a\tb HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte,
     HeadError::kBadTargetByte, 6},
    {"NUL in target", "GET /a\0b HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte,
     HeadError::kBadTargetByte, 6},
    {"DEL in target",
     "GET /a\x7f"
     "b HTTP/1.0\r\n\r\n"sv,
     HeadError::kBadTargetByte, HeadError::kBadTargetByte, 6},
    {"high byte in target", "GET /\xc3\xa9 HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte,
     HeadError::kNone, 5},
    {"fragment", "GET /a#b HTTP/1.0\r\n\r\n"sv, HeadError::kFragment, HeadError::kNone, 6},
    {"no version", "GET /\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 5},
    {"no version, POST", "POST /\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 6},
    {"blank and no version", "GET / \r\n\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 6},
    {"other protocol", "GET / RTSP/1.0\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 6},
    {"lower case", "GET / http/1.0\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone, 6},
    {"version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kNone,
     11},
    {"version 1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kNone, 14},
    {"version and blank", "GET / HTTP/1.0 \r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 14},
    {"version and more", "GET / HTTP/1.0 x\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 14},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, HeadError::kHttp2Preface,
     HeadError::kHttp2Preface, 6},
    {"almost the preface", "PRI * HTTP/2.1\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadTarget, 11},
    {"the preface's line in 1.1", "PRI * HTTP/1.1\r\nHost: a\r\n\r\n"sv, HeadError::kBadTarget,
     HeadError::kBadTarget, 4},
    {"bare LF ends request line", "GET / HTTP/1.0\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf,
     14},
    {"bare CR ends request line", "GET / HTTP/1.0\r\r\n"sv, HeadError::kBareCr, HeadError::kBareCr,
     14},
    {"bare LF first", "\nGET / HTTP/1.0\r\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 0},
    {"bare CR first", "\rGET / HTTP/1.0\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 0},

    {"bare LF ends field", "GET / HTTP/1.0\r\na: b\nc: d\r\n\r\n"sv, HeadError::kBareLf,
     HeadError::kBareLf, 20},
    {"bare CR in value", "GET / HTTP/1.0\r\na: b\rc\r\n\r\n"sv, HeadError::kBareCr,
     HeadError::kBareCr, 20},
    {"two CRs", "GET / HTTP/1.0\r\na: b\r\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 20},
    {"LF ends head", "GET / HTTP/1.0\r\na: b\r\n\n"sv, HeadError::kBareLf, HeadError::kBareLf, 22},
    {"CR ends head", "GET / HTTP/1.0\r\na: b\r\n\rX"sv, HeadError::kBareCr, HeadError::kBareCr, 22},
    {"NUL in value", "GET / HTTP/1.0\r\na: b\0c\r\n\r\n"sv, HeadError::kBadValueByte,
     HeadError::kNone, 20},
    {"control in value",
     "GET / HTTP/1.0\r\na: b\x01"
     "c\r\n\r\n"sv,
     HeadError::kBadValueByte, HeadError::kBadValueByte, 20},
    {"vertical tab in value",
     "GET / HTTP/1.0\r\na: \x0b"
     "b\r\n\r\n"sv,
     HeadError::kBadValueByte, HeadError::kBadValueByte, 19},
    {"DEL in value", "GET / HTTP/1.0\r\na: \x7f\r\n\r\n"sv, HeadError::kBadValueByte,
     HeadError::kBadValueByte, 19},
    {"NUL in name", "GET / HTTP/1.0\r\na\0b: c\r\n\r\n"sv, HeadError::kBadNameByte,
     HeadError::kNone, 17},
    {"high byte in name", "GET / HTTP/1.0\r\na\xff: c\r\n\r\n"sv, HeadError::kBadNameByte,
     HeadError::kNone, 17},
    {"paren in name", "GET / HTTP/1.0\r\n(a): c\r\n\r\n"sv, HeadError::kBadNameByte,
     HeadError::kNone, 16},
    {"blank in name", "GET / HTTP/1.0\r\na b: c\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kNone, 17},
    {"blank before colon", "GET / HTTP/1.0\r\na : c\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kBlankBeforeColon, 17},
    {"tab before colon", "GET / HTTP/1.0\r\na\t: c\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kBlankBeforeColon, 17},
    {"empty name", "GET / HTTP/1.0\r\n: c\r\n\r\n"sv, HeadError::kEmptyName, HeadError::kEmptyName,
     16},
    {"no colon", "GET / HTTP/1.0\r\nabc\r\n\r\n"sv, HeadError::kMissingColon,
     HeadError::kMissingColon, 19},
    {"bad name without colon", "GET / HTTP/1.0\r\na(c\r\n\r\n"sv, HeadError::kBadNameByte,
     HeadError::kMissingColon, 17},
    {"blank line first", "GET / HTTP/1.0\r\n a: b\r\n\r\n"sv, HeadError::kBlankBeforeFirstField,
     HeadError::kBlankBeforeFirstField, 16},
    {"line folding", "GET / HTTP/1.0\r\na: b\r\n c\r\n\r\n"sv, HeadError::kObsFold,
     HeadError::kNone, 22},
    {"folding with tab", "GET / HTTP/1.0\r\na: b\r\n\tc\r\n d\r\n\r\n"sv, HeadError::kObsFold,
     HeadError::kNone, 22},
    {"folding into nothing", "GET / HTTP/1.0\r\na: b\r\n \r\n\r\n"sv, HeadError::kObsFold,
     HeadError::kNone, 22},
    {"folding of a bad name", "GET / HTTP/1.0\r\n(a: b\r\n c\r\nd: e\r\n\r\n"sv,
     HeadError::kBadNameByte, HeadError::kNone, 16},

    {"missing Host", "GET / HTTP/1.1\r\na: b\r\n\r\n"sv, HeadError::kMissingHost,
     HeadError::kMissingHost, 4},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv, HeadError::kRepeatedHost,
     HeadError::kRepeatedHost, 25},
    {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"sv, HeadError::kRepeatedHost,
     HeadError::kRepeatedHost, 25},
    {"bad Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"sv, HeadError::kBadHost, HeadError::kBadHost,
     16},
    {"another Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kHostMismatch,
     HeadError::kNone, 24},
    {"CONNECT to a path", "CONNECT /a HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kBadAuthority,
     HeadError::kNone, 8},
    {"bad authority", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kBadAuthority,
     HeadError::kBadAuthority, 4},
};

}  // namespace proto
