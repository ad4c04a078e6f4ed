// Mutated messages from fixed seeds: the parsers must agree with themselves however the bytes are
// cut, and what they accept must mean the same after it is written and parsed again.
// RINGWAY_FUZZ_SECONDS makes it run longer than its 2 seconds; later rounds use later seeds.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "proto/http/chars.h"
#include "proto/http1/serializer.h"
#include "tests/proto/http1/chunk_ways.h"
#include "tests/proto/http1/parse_all_ways.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

// xorshift64*: the same numbers on every machine and library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  size_t Below(size_t bound) { return size_t((Next() >> 33) % bound); }

 private:
  uint64_t state_;
};

constexpr std::string_view kRequests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
    "\r\nPOST /a/b?c=d HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 5\r\n"
    "X-A: b c\r\n\r\nhello"sv,
    "GET http://h:80/p?q HTTP/1.1\r\nhost: h\r\nAccept: */*\r\nCookie: a=1; b=2\r\n\r\n"sv,
    "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"sv,
    "OPTIONS * HTTP/1.0\r\nA: b\r\n c\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"sv,
    "PUT /\xc3\xa9#f RTSP/12.34\r\nHost: [::1]:8080\r\n"
    "X: \tlong value of more than thirty-two bytes\r\n\r\n"sv,
};
constexpr std::string_view kResponses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"sv,
    "HTTP/1.0 404\r\nServer: a\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n\r\n"sv,
    "HTTP/1.1 12345 Some reason\r\nA: b\r\n c\r\n\td\r\nContent-Type : text/html\r\n\r\n"sv,
};
constexpr std::string_view kBodies[] = {
    "5\r\nhello\r\n0\r\n\r\n"sv,
    "a;x=\"y;\\\"z\"\r\n0123456789\r\n1 \t;q\r\nx\r\n00\r\nEtag: a\r\nHost: b\r\n\r\nGET"sv,
};
constexpr std::string_view kPieces[] = {
    "\r\n"sv,
    "\r"sv,
    "\n"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    "\0"sv,
    "\x7f"sv,
    "\xff"sv,
    "HTTP/1.1"sv,
    "Host: b\r\n"sv,
    "Content-Length: 7\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    ";"sv,
    "\""sv,
    "0"sv,
    "#"sv,
    "/"sv,
    "\r\n "sv,
    "@"sv,
};

std::string Mutate(std::string_view seed, Random& random) {
  std::string text(seed);
  for (size_t edits = random.Below(4); edits-- > 0 && !text.empty();) {
    const size_t at = random.Below(text.size());
    switch (random.Below(5)) {
      case 0:
        text[at] = char(random.Below(256));
        break;
      case 1:
        text.erase(at, 1 + random.Below(4));
        break;
      case 2:
        text.insert(at, kPieces[random.Below(std::size(kPieces))]);
        break;
      case 3:
        text.insert(at, text.substr(at, random.Below(20)));
        break;
      case 4:
        text[at] ^= char(1 << random.Below(8));
        break;
    }
  }
  return text;
}

std::vector<size_t> RandomCuts(size_t bytes, Random& random) {
  std::vector<size_t> cuts;
  for (size_t n = random.Below(6); n-- > 0;) cuts.push_back(random.Below(bytes + 1));
  if (random.Below(8) == 0) {
    for (size_t i = 0; i < bytes; ++i) cuts.push_back(i);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

// What a head means to the next hop: names in lower case, everything else as it is.
std::string Neutral(const FieldList& fields) {
  std::string text;
  for (const Field& field : fields) {
    for (char c : field.name()) text += base::ToLower(c);
    std::string value(field.value());
    for (char& c : value) c = c == '\0' ? ' ' : c;
    text += '=';
    text += TrimBlanks(value);
    text += ';';
  }
  return text;
}
std::string Neutral(const RequestHead& head) {
  std::string path(head.path);
  if (path.empty() && head.target_form == TargetForm::kOrigin) path = "/";
  return std::string(head.method_text) + " " + std::to_string(int(head.target_form)) + " " +
         std::string(head.scheme) + " " + std::string(head.authority) + " " + path +
         (head.has_query ? "?" : "") + std::string(head.query) + " " +
         (head.version.AtLeast11() ? "1.1 " : "1.0 ") + std::string(head.other_version) + " " +
         Neutral(head.fields);
}
std::string Neutral(const ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason) + " " +
         (head.version.AtLeast11() ? "1.1 " : "1.0 ") + std::string(head.other_version) + " " +
         Neutral(head.fields);
}
size_t Write(const RequestHead& head, char* out, size_t room) {
  return WriteRequestHead(head, out, room);
}
size_t Write(const ResponseHead& head, char* out, size_t room) {
  return WriteResponseHead(head, out, room);
}

template <typename Parser>
void CheckHead(const ParserOptions& options, const std::string& text, Random& random) {
  static fake::GuardPage guards[2] = {fake::GuardPage(1 << 14), fake::GuardPage(1 << 14)};
  const std::vector<size_t> none;
  const Outcome whole = ParseWithCuts<Parser>(options, text, guards, none);
  const Outcome cut = ParseWithCuts<Parser>(options, text, guards, RandomCuts(text.size(), random));
  ASSERT_TRUE(whole == cut) << HeadErrorText(whole.error) << " at " << whole.offset << ", "
                            << HeadErrorText(cut.error) << " at " << cut.offset;
  if (whole.result != ParseResult::kDone) return;
  base::Arena arena;
  typename HeadOf<Parser>::Type head(arena), again(arena);
  Parser parser(options, head);
  ASSERT_EQ(parser.Parse(text), ParseResult::kDone);
  std::string written(Write(head, nullptr, 0), '?');
  ASSERT_EQ(Write(head, written.data(), written.size()), written.size());
  Parser second(options, again);
  ASSERT_EQ(second.Parse(written), ParseResult::kDone)
      << HeadErrorText(second.error()) << " at " << second.error_offset() << " in\n"
      << written;
  ASSERT_EQ(second.head_bytes(), written.size());
  ASSERT_EQ(Neutral(head), Neutral(again));
}

void CheckBody(const std::string& text, Random& random) {
  std::vector<size_t> ends = RandomCuts(text.size(), random);
  ends.push_back(text.size());
  const ChunkOutcome whole = DecodeSpans(text, {text.size()});
  const ChunkOutcome cut = DecodeSpans(text, ends);
  ASSERT_TRUE(whole == cut) << ChunkErrorText(whole.error) << " at " << whole.consumed << ", "
                            << ChunkErrorText(cut.error) << " at " << cut.consumed;
}

TEST(DifferentialTest, MutatedMessagesMeanOneThing) {
  const char* wanted = getenv("RINGWAY_FUZZ_SECONDS");
  const double seconds = wanted != nullptr ? atof(wanted) : 2.0;
  const auto start = std::chrono::steady_clock::now();
  const ParserOptions strict, relaxed = UnsafeRequestOptions();
  const ParserOptions strict_response = ResponseOptions(),
                      relaxed_response = UnsafeResponseOptions();
  uint64_t seed = 0;
  for (; !HasFatalFailure(); ++seed) {
    if (seed % 64 == 0) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      if (spent.count() > seconds) break;
    }
    Random random(seed);
    const std::string request = Mutate(kRequests[random.Below(std::size(kRequests))], random);
    const std::string response = Mutate(kResponses[random.Below(std::size(kResponses))], random);
    const std::string body = Mutate(kBodies[random.Below(std::size(kBodies))], random);
    SCOPED_TRACE("seed " + std::to_string(seed));
    CheckHead<RequestParser>(strict, request, random);
    CheckHead<RequestParser>(relaxed, request, random);
    CheckHead<ResponseParser>(strict_response, response, random);
    CheckHead<ResponseParser>(relaxed_response, response, random);
    CheckBody(body, random);
  }
  RecordProperty("seeds", int(seed));
}

}  // namespace
}  // namespace proto
