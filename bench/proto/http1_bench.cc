// Heads and chunks through the HTTP/1 code: time per message and bytes per second of wire text.

#include <benchmark/benchmark.h>

#include <string>

#include "proto/http/framing.h"
#include "proto/http1/chunk_decoder.h"
#include "proto/http1/request_parser.h"
#include "proto/http1/response_parser.h"
#include "proto/http1/serializer.h"

namespace proto {
namespace {

constexpr std::string_view kShortRequest =
    "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";

// 700 bytes, as a browser sends them.
constexpr std::string_view kRequest =
    "GET /assets/application-5f3c9a.js?version=20240131 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"8\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 "
    "Safari/537.36\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://shop.example.com/catalogue\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789; theme=dark\r\n"
    "X-Trace: 42\r\n"
    "\r\n";

constexpr std::string_view kShortResponse =
    "HTTP/1.1 200 OK\r\nContent-Length: 512\r\nContent-Type: text/plain\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Server: origin/2.4.57 (Unix)\r\n"
    "Content-Type: application/javascript; charset=utf-8\r\n"
    "Content-Length: 48213\r\n"
    "Connection: keep-alive\r\n"
    "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\n"
    "ETag: \"5f3c9a-bc55-609a1c2d3e4f5\"\r\n"
    "Cache-Control: public, max-age=31536000, immutable\r\n"
    "Vary: Accept-Encoding\r\n"
    "Accept-Ranges: bytes\r\n"
    "Strict-Transport-Security: max-age=63072000; includeSubDomains; preload\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: SAMEORIGIN\r\n"
    "Content-Security-Policy: default-src 'self'; script-src 'self' cdn.example.com\r\n"
    "Set-Cookie: session=0123456789abcdef; Path=/; HttpOnly; Secure\r\n"
    "X-Request-Id: 7b1e6c3a-2f0d\r\n"
    "\r\n";

void SetBytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(bytes));
  state.counters["head_bytes"] = double(bytes);
}

// The stream's arena: its first block is at hand, so no malloc is timed.
alignas(16) char first_block[8192];

void ParseRequest(benchmark::State& state, std::string_view text) {
  const ParserOptions options;
  base::Arena arena(first_block, sizeof(first_block));
  for (auto _ : state) {
    RequestHead head(arena, options.fields_max);
    RequestParser parser(options, head);
    if (parser.Parse(text) != ParseResult::kDone) return state.SkipWithError("not parsed");
    benchmark::DoNotOptimize(head.fields.begin());
    benchmark::DoNotOptimize(RequestFraming(head).kind);
    arena.Reset();
  }
  SetBytes(state, text.size());
}
BENCHMARK_CAPTURE(ParseRequest, short, kShortRequest);
BENCHMARK_CAPTURE(ParseRequest, browser, kRequest);

void ParseResponse(benchmark::State& state, std::string_view text) {
  const ParserOptions options = ResponseOptions();
  base::Arena arena(first_block, sizeof(first_block));
  for (auto _ : state) {
    ResponseHead head(arena, options.fields_max);
    ResponseParser parser(options, head);
    if (parser.Parse(text) != ParseResult::kDone) return state.SkipWithError("not parsed");
    benchmark::DoNotOptimize(head.fields.begin());
    benchmark::DoNotOptimize(ResponseFraming(head, Method::kGet).kind);
    arena.Reset();
  }
  SetBytes(state, text.size());
}
BENCHMARK_CAPTURE(ParseResponse, short, kShortResponse);
BENCHMARK_CAPTURE(ParseResponse, full, kResponse);

void WriteRequest(benchmark::State& state, std::string_view text) {
  const ParserOptions options;
  base::Arena arena;
  RequestHead head(arena);
  RequestParser parser(options, head);
  if (parser.Parse(text) != ParseResult::kDone) return state.SkipWithError("not parsed");
  char out[4096];
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = WriteRequestHead(head, out, sizeof(out));
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
  }
  SetBytes(state, bytes);
}
BENCHMARK_CAPTURE(WriteRequest, short, kShortRequest);
BENCHMARK_CAPTURE(WriteRequest, browser, kRequest);

void WriteResponse(benchmark::State& state, std::string_view text) {
  const ParserOptions options = ResponseOptions();
  base::Arena arena;
  ResponseHead head(arena);
  ResponseParser parser(options, head);
  if (parser.Parse(text) != ParseResult::kDone) return state.SkipWithError("not parsed");
  char out[4096];
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = WriteResponseHead(head, out, sizeof(out));
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
  }
  SetBytes(state, bytes);
}
BENCHMARK_CAPTURE(WriteResponse, short, kShortResponse);
BENCHMARK_CAPTURE(WriteResponse, full, kResponse);

// A body of 64 chunks; the data is never touched, so small chunks show the cost of their framing.
void DecodeChunks(benchmark::State& state) {
  const size_t chunk_bytes = size_t(state.range(0));
  std::string text;
  for (int i = 0; i < 64; ++i) {
    char header[kChunkHeaderBytesMax];
    text.append(header, WriteChunkHeader(chunk_bytes, header));
    text.append(chunk_bytes, 'x');
    text += kChunkEnd;
  }
  text += kLastChunk;
  base::Arena arena(first_block, sizeof(first_block));
  for (auto _ : state) {
    FieldList trailers(arena);
    ChunkDecoder decoder(trailers);
    std::string_view rest = text;
    ChunkEvent event;
    do {
      event = decoder.Next(rest);
      rest.remove_prefix(event.consumed);
    } while (event.result == ChunkResult::kData);
    if (event.result != ChunkResult::kDone) return state.SkipWithError("not decoded");
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(text.size()));
  state.SetItemsProcessed(int64_t(state.iterations()) * 64);
}
BENCHMARK(DecodeChunks)->Arg(16)->Arg(512)->Arg(16384);

}  // namespace
}  // namespace proto

BENCHMARK_MAIN();
