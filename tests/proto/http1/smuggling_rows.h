// smuggling_rows.h - every known way to make two parsers disagree about where a request ends,
//                    and what we say to it.
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

namespace proto {

using std::string_view_literals::operator""sv;

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"
#define CHUNKS "\r\n5\r\nhello\r\n0\r\n\r\n"
#define TE "Transfer-Encoding: chunked\r\n"

struct SmugglingRow {
  const char* name;
  std::string_view text;
  std::string_view verdict;
};

// "head ..." and "framing ..." and "chunk ..." refuse; the others say how the request is
// understood.
inline const SmugglingRow kSmugglingRows[] = {
    {"plain length", POST "Content-Length: 5\r\n" END "hello"sv, "length 5"},
    {"plain chunked", POST TE CHUNKS ""sv, "chunked hello"},
    {"no body", POST END ""sv, "none"},

    // Two lengths.
    {"CL.TE", POST "Content-Length: 6\r\n" TE "\r\n0\r\n\r\nG"sv, "chunked  close"},
    {"TE.CL", POST TE "Content-Length: 4\r\n" CHUNKS ""sv, "chunked hello close"},
    {"CL.CL equal", POST "Content-Length: 5\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL.CL different", POST "Content-Length: 5\r\nContent-Length: 0\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL.CL in other case", POST "Content-Length: 5\r\ncontent-length: 0\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL list equal", POST "Content-Length: 5, 5\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL list different", POST "Content-Length: 5,0\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL.CL.TE", POST "Content-Length: 5\r\nContent-Length: 5\r\n" TE CHUNKS ""sv,
     "framing repeated_content_length"},
    {"TE and malformed CL", POST TE "Content-Length: abc\r\n" CHUNKS ""sv,
     "framing bad_content_length"},

    // One strange length.
    {"CL plus", POST "Content-Length: +5\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL minus", POST "Content-Length: -5\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL minus zero", POST "Content-Length: -0\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL hex", POST "Content-Length: 0x5\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL float", POST "Content-Length: 5.0\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL exponent", POST "Content-Length: 5e0\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL with blank within", POST "Content-Length: 5 0\r\n" END "hello"sv,
     "framing bad_content_length"},
    {"CL underscore", POST "Content-Length: 1_0\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL semicolon", POST "Content-Length: 5;a\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL quoted", POST "Content-Length: \"5\"\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL empty", POST "Content-Length:\r\n" END "hello"sv, "framing bad_content_length"},
    {"CL leading comma", POST "Content-Length: ,5\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL trailing comma", POST "Content-Length: 5,\r\n" END "hello"sv,
     "framing repeated_content_length"},
    {"CL full-width digit", POST "Content-Length: \xef\xbc\x95\r\n" END "hello"sv,
     "framing bad_content_length"},
    {"CL 2^63", POST "Content-Length: 9223372036854775808\r\n" END ""sv,
     "framing content_length_overflow"},
    {"CL 2^64", POST "Content-Length: 18446744073709551616\r\n" END ""sv,
     "framing content_length_overflow"},
    {"CL 2^64 + 5", POST "Content-Length: 18446744073709551621\r\n" END "hello"sv,
     "framing content_length_overflow"},
    {"CL 2^32 is not 0", POST "Content-Length: 4294967296\r\n" END ""sv, "length 4294967296"},
    {"CL leading zeros", POST "Content-Length: 0000000000000000000000005\r\n" END "hello"sv,
     "length 5"},
    {"CL octal is decimal", POST "Content-Length: 010\r\n" END "helloworld"sv, "length 10"},
    {"CL with NUL", POST "Content-Length: 5\0\r\n" END "hello"sv, "head bad_field_value_byte"},
    {"CL with vertical tab",
     POST "Content-Length: \x0b"
          "5\r\n" END "hello"sv,
     "head bad_field_value_byte"},
    {"CL with form feed behind", POST "Content-Length: 5\x0c\r\n" END "hello"sv,
     "head bad_field_value_byte"},
    {"CL between tabs", POST "Content-Length:\t5\t\r\n" END "hello"sv, "length 5"},
    {"CL bare CR", POST "Content-Length: 5\r0\r\n" END "hello"sv, "head bare_cr"},
    {"CL folded", POST "Content-Length:\r\n 5\r\n" END "hello"sv, "head obs_fold"},
    {"CL hidden in a fold", POST "X: y\r\n Content-Length: 5\r\n" END "hello"sv, "head obs_fold"},

    // Transfer-Encoding that one side may overlook.
    {"TE blank before colon", POST "Transfer-Encoding : chunked\r\n" CHUNKS ""sv,
     "head blank_before_colon"},
    {"TE tab before colon", POST "Transfer-Encoding\t: chunked\r\n" CHUNKS ""sv,
     "head blank_before_colon"},
    {"TE vertical tab before colon", POST "Transfer-Encoding\x0b: chunked\r\n" CHUNKS ""sv,
     "head bad_field_name_byte"},
    {"TE NUL before colon", POST "Transfer-Encoding\0: chunked\r\n" CHUNKS ""sv,
     "head bad_field_name_byte"},
    {"TE blank in name", POST "Transfer Encoding: chunked\r\n" CHUNKS ""sv,
     "head blank_before_colon"},
    {"TE underscore is another field", POST "Transfer_Encoding: chunked\r\n" END ""sv, "none"},
    {"TE blank before name", POST " Transfer-Encoding: chunked\r\n" CHUNKS ""sv, "head obs_fold"},
    {"TE blank before first field",
     "POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n" CHUNKS ""sv,
     "head blank_before_first_field"},
    {"TE tab before value", POST "Transfer-Encoding:\tchunked\r\n" CHUNKS ""sv, "chunked hello"},
    {"TE vertical tab before value",
     POST "Transfer-Encoding:\x0b"
          "chunked\r\n" CHUNKS ""sv,
     "head bad_field_value_byte"},
    {"TE form feed behind value", POST "Transfer-Encoding: chunked\x0c\r\n" CHUNKS ""sv,
     "head bad_field_value_byte"},
    {"TE no blank", POST "Transfer-Encoding:chunked\r\n" CHUNKS ""sv, "chunked hello"},
    {"TE blanks behind", POST "Transfer-Encoding: chunked \t \r\n" CHUNKS ""sv, "chunked hello"},
    {"TE in mixed case", POST "tRANSFER-eNCODING: cHUNKED\r\n" CHUNKS ""sv, "chunked hello"},
    {"TE folded", POST "Transfer-Encoding:\r\n chunked\r\n" CHUNKS ""sv, "head obs_fold"},
    {"TE bare CR before", POST "X: y\rTransfer-Encoding: chunked\r\n" CHUNKS ""sv, "head bare_cr"},
    {"TE bare LF before", POST "X: y\nTransfer-Encoding: chunked\r\n" CHUNKS ""sv, "head bare_lf"},
    {"TE LF CR", POST "X: y\n\rTransfer-Encoding: chunked\r\n" CHUNKS ""sv, "head bare_lf"},
    {"TE CR CR LF", POST "X: y\r\r\nTransfer-Encoding: chunked\r\n" CHUNKS ""sv, "head bare_cr"},
    {"TE behind a colonless line", POST "Foo\r\nTransfer-Encoding: chunked\r\n" CHUNKS ""sv,
     "head missing_colon"},
    {"TE behind an empty name", POST ": x\r\nTransfer-Encoding: chunked\r\n" CHUNKS ""sv,
     "head empty_field_name"},
    {"TE two colons", POST "Transfer-Encoding:: chunked\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},

    // Transfer-Encoding with a strange value.
    {"TE x", POST "Transfer-Encoding: xchunked\r\n" CHUNKS ""sv, "framing unknown_transfer_coding"},
    {"TE chunkedx", POST "Transfer-Encoding: chunkedx\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE identity", POST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing unknown_transfer_coding"},
    {"TE chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE identity, chunked", POST "Transfer-Encoding: identity, chunked\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE.TE identity second", POST TE "Transfer-Encoding: identity\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE.TE cow second", POST TE "Transfer-encoding: cow\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE.TE chunked twice", POST TE TE CHUNKS ""sv, "framing chunked_twice"},
    {"TE chunked, chunked", POST "Transfer-Encoding: chunked, chunked\r\n" CHUNKS ""sv,
     "framing chunked_twice"},
    {"TE chunked, gzip", POST "Transfer-Encoding: chunked, gzip\r\n" CHUNKS ""sv,
     "framing chunked_not_last"},
    {"TE gzip", POST "Transfer-Encoding: gzip\r\n" END ""sv, "framing chunked_not_last"},
    {"TE gzip with CL", POST "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing chunked_not_last"},
    {"TE gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n" CHUNKS ""sv, "chunked hello"},
    {"TE.TE gzip first", POST "Transfer-Encoding: gzip\r\n" TE CHUNKS ""sv, "chunked hello"},
    {"TE leading comma", POST "Transfer-Encoding: ,chunked\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE trailing comma", POST "Transfer-Encoding: chunked,\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE empty", POST "Transfer-Encoding:\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing bad_transfer_encoding"},
    {"TE empty and chunked", POST "Transfer-Encoding:\r\n" TE CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE quoted", POST "Transfer-Encoding: \"chunked\"\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE single quotes", POST "Transfer-Encoding: 'chunked'\r\n" CHUNKS ""sv,
     "framing unknown_transfer_coding"},
    {"TE parameter", POST "Transfer-Encoding: chunked;a=b\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE blank within", POST "Transfer-Encoding: chun ked\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE high byte", POST "Transfer-Encoding: chunked\xa0\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE Kelvin sign",
     POST "Transfer-Encoding: chun\xe2\x84\xaa"
          "ed\r\n" CHUNKS ""sv,
     "framing bad_transfer_encoding"},
    {"TE NUL behind", POST "Transfer-Encoding: chunked\0\r\n" CHUNKS ""sv,
     "head bad_field_value_byte"},
    {"TE in 1.0", "POST / HTTP/1.0\r\n" TE CHUNKS ""sv, "framing transfer_encoding_in_http_1_0"},
    {"TE with CL in 1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n" TE CHUNKS ""sv,
     "framing transfer_encoding_in_http_1_0"},
    {"TE with CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n" TE CHUNKS ""sv,
     "framing body_with_connect"},
    {"CL with CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing body_with_connect"},
    {"GET with body in 1.0", "GET / HTTP/1.0\r\nContent-Length: 5\r\n" END "hello"sv,
     "framing body_in_http_1_0"},

    // Chunks.
    {"chunk size 2^64", POST TE "\r\n10000000000000000\r\nhello"sv, "chunk chunk_size_overflow"},
    {"chunk size 2^64 - 1", POST TE "\r\nffffffffffffffff\r\nhello"sv, "chunk chunk_size_overflow"},
    {"chunk size 2^32 + 5", POST TE "\r\n100000005\r\nhello\r\n0\r\n\r\n"sv, "chunk incomplete"},
    {"chunk size 0x", POST TE "\r\n0x5\r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk size plus", POST TE "\r\n+5\r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk size minus", POST TE "\r\n-5\r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk size blank", POST TE "\r\n5 \r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk size empty", POST TE "\r\n\r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk size comma", POST TE "\r\n5,0\r\nhello\r\n0\r\n\r\n"sv, "chunk bad_chunk_size"},
    {"chunk LF", POST TE "\r\n5\nhello\r\n0\r\n\r\n"sv, "chunk bare_lf_in_chunk"},
    {"chunk CR", POST TE "\r\n5\rhello\r\n0\r\n\r\n"sv, "chunk bare_cr_in_chunk"},
    {"chunk CR CR LF", POST TE "\r\n5\r\r\nhello\r\n0\r\n\r\n"sv, "chunk bare_cr_in_chunk"},
    {"chunk extension LF", POST TE "\r\n5;\nhello\r\n0\r\n\r\n"sv, "chunk bare_lf_in_chunk"},
    {"chunk extension LF hides a chunk", POST TE "\r\n2;\nxx\r\n4c\r\n0\r\n\r\n"sv,
     "chunk bare_lf_in_chunk"},
    {"chunk extension CR", POST TE "\r\n5;a\rb\r\nhello\r\n0\r\n\r\n"sv, "chunk bare_cr_in_chunk"},
    {"chunk extension quoted CRLF", POST TE "\r\n5;a=\"\r\nhello\r\n0\r\n\r\n"sv,
     "chunk bad_chunk_extension"},
    {"chunk extension NUL", POST TE "\r\n5;a\0\r\nhello\r\n0\r\n\r\n"sv,
     "chunk bad_chunk_extension"},
    {"chunk data LF", POST TE "\r\n5\r\nhello\n0\r\n\r\n"sv, "chunk missing_crlf_after_chunk"},
    {"chunk data without CRLF", POST TE "\r\n5\r\nhello0\r\n\r\n"sv,
     "chunk missing_crlf_after_chunk"},
    {"chunk data with other bytes for CRLF", POST TE "\r\n5\r\nhelloXX0\r\n\r\n"sv,
     "chunk missing_crlf_after_chunk"},
    {"last chunk LF", POST TE "\r\n0\r\n\n"sv, "chunk bad_trailer"},
    {"request as trailer", POST TE "\r\n0\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     "chunk bad_trailer"},
    {"length as trailer is dropped", POST TE "\r\n0\r\nContent-Length: 50\r\n\r\n"sv, "chunked "},

    // Host and target.
    {"Host missing", "GET / HTTP/1.1\r\n\r\n"sv, "head missing_host"},
    {"Host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"sv, "head repeated_host"},
    {"Host twice, equal", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv, "head repeated_host"},
    {"Host blank before colon", "GET / HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n"sv,
     "head blank_before_colon"},
    {"Host folded", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"sv, "head obs_fold"},
    {"Host userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"sv, "head bad_host"},
    {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"sv, "head bad_host"},
    {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"sv, "head bad_host"},
    {"Host with bad port", "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n"sv, "head bad_host"},
    {"Host with port and more", "GET / HTTP/1.1\r\nHost: a:80@b\r\n\r\n"sv, "head bad_host"},
    {"Host with NUL", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"sv, "head bad_field_value_byte"},
    {"Host with bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"sv, "head bad_host"},
    {"Host with number sign", "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"sv, "head bad_host"},
    {"absolute with another Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     "head host_mismatch"},
    {"absolute without Host", "GET http://a/ HTTP/1.1\r\n\r\n"sv, "head missing_host"},
    {"absolute with userinfo", "GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     "head bad_authority"},
    {"absolute with backslash", "GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     "head bad_authority"},
    {"absolute with fragment", "GET http://a#@b/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "head fragment"},
    {"CONNECT with another Host", "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"sv,
     "head host_mismatch"},
    {"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"sv, "head bad_target"},

    // Versions and request lines.
    {"HTTP/0.9", "GET /\r\n\r\n"sv, "head bad_version"},
    {"HTTP/0.9 by name", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, "head http2_preface"},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"HTTP/1.1 twice", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"HTTP/11", "GET / HTTP/11\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"HTTP/ 1.1", "GET / HTTP/ 1.1\r\nHost: a\r\n\r\n"sv, "head bad_version"},
    {"request line ends LF", "GET / HTTP/1.1\nHost: a\r\n\r\n"sv, "head bare_lf"},
    {"request line ends CR", "GET / HTTP/1.1\rHost: a\r\n\r\n"sv, "head bare_cr"},
    {"request line with tab", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"sv, "head bad_method"},
    {"request line with form feed", "GET /\x0cHTTP/1.1\r\nHost: a\r\n\r\n"sv,
     "head bad_target_byte"},
    {"head ends LF LF", "GET / HTTP/1.1\r\nHost: a\n\n"sv, "head bare_lf"},
    {"head ends LF", "GET / HTTP/1.1\r\nHost: a\r\n\n"sv, "head bare_lf"},
};

#undef POST
#undef END
#undef CHUNKS
#undef TE

}  // namespace proto
