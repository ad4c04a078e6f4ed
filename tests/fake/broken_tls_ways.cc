// The table of ways to break TLS (broken_tls_peer.h), longer than a screen because it is flat.
// Alerts are those that RFC 8446 (section 6 and where the rule stands) or RFC 5246 (section 7.2)
// names; rows marked "library" have one that no RFC names, or are about what it leaves open.

#include <openssl/bytestring.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/fake/broken_tls_peer.h"

namespace tests {
namespace {

using shard::CloseReason;

constexpr uint8_t kClientHello = 1, kServerHello = 2, kCertificate = 11, kServerKeyExchange = 12;
constexpr uint8_t kEncryptedExtensions = 8, kCertificateVerify = 15, kFinished = 20;
constexpr int kEndless = 100;

std::string Text(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += char(byte);
  return text;
}
std::string Number16(size_t value) { return Text({int(value >> 8), int(value & 0xff)}); }
std::string Record(int type, std::string_view body, int version = 0x0303) {
  return Text({type}) + Number16(size_t(version)) + Number16(body.size()) + std::string(body);
}
std::string Message(int kind, const std::string& body) {
  return Text({kind, int(body.size() >> 16)}) + Number16(body.size() & 0xffff) + body;
}
std::string Times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// A ClientHello or a ServerHello in its parts (RFC 8446 sections 4.1.2, 4.1.3).
struct Hello {
  int kind = 0;
  std::string version, random, session, ciphers, compression;
  std::vector<std::pair<uint16_t, std::string>> extensions;

  explicit Hello(const std::string& message) : kind(message[0]) {
    CBS in, list, body;
    CBS_init(&in, reinterpret_cast<const uint8_t*>(message.data()) + 4, message.size() - 4);
    version = Take(&in, 2);
    random = Take(&in, 32);
    MUST(CBS_get_u8_length_prefixed(&in, &body) == 1);
    session = Take(&body, CBS_len(&body));
    if (kind == kClientHello) {
      MUST(CBS_get_u16_length_prefixed(&in, &body) == 1);
      ciphers = Take(&body, CBS_len(&body));
      MUST(CBS_get_u8_length_prefixed(&in, &body) == 1);
      compression = Take(&body, CBS_len(&body));
    } else {
      ciphers = Take(&in, 2);
      compression = Take(&in, 1);
    }
    if (CBS_len(&in) == 0) return;
    MUST(CBS_get_u16_length_prefixed(&in, &list) == 1);
    while (CBS_len(&list) > 0) {
      uint16_t id = 0;
      MUST(CBS_get_u16(&list, &id) == 1 && CBS_get_u16_length_prefixed(&list, &body) == 1);
      extensions.emplace_back(id, Take(&body, CBS_len(&body)));
    }
  }
  static std::string Take(CBS* from, size_t bytes) {
    CBS part;
    MUST(CBS_get_bytes(from, &part, bytes) == 1);
    return std::string(reinterpret_cast<const char*>(CBS_data(&part)), CBS_len(&part));
  }
  std::string List() const {
    std::string list;
    for (const auto& [id, body] : extensions) list += Number16(id) + Number16(body.size()) + body;
    return list;
  }
  std::string Build(const std::string& list) const {
    std::string body = version + random + char(session.size()) + session;
    if (kind == kClientHello) {
      body += Number16(ciphers.size()) + ciphers + char(compression.size()) + compression;
    } else {
      body += ciphers + compression;
    }
    return Message(kind, body + list);
  }
  std::string Build() const { return Build(Number16(List().size()) + List()); }
  std::string& Extension(uint16_t id) {
    for (auto& [other, body] : extensions) {
      if (other == id) return body;
    }
    return extensions.emplace_back(id, "").second;
  }
  void Drop(uint16_t id) {
    std::erase_if(extensions, [id](const auto& extension) { return extension.first == id; });
  }
};

// Changes the hello of the flight, and lets all that would come behind it go.
template <typename Change>
void ChangeHello(BreakAct& act, Change change) {
  TlsPiece piece = act.flight.front();
  Hello hello(piece.body);
  change(hello);
  piece.body = hello.Build();
  act.flight = {piece};
}
// The same, with the rest of the flight behind it.
template <typename Change>
void ChangeHelloOnly(BreakAct& act, Change change) {
  Hello hello(act.flight.front().body);
  change(hello);
  act.flight.front().body = hello.Build();
}
void FlipLast(std::string* text) { text->back() = char(text->back() ^ 1); }

// Another order, count or content of the two sealed records of data.
std::pair<std::string, std::string> SealedPair(BreakAct& act) {
  std::string first = act.Seal(act.flight[0]);
  std::string second = act.Seal(act.flight[1]);
  return {std::move(first), std::move(second)};
}
void ChangeFinished(BreakAct& act) {
  TlsPiece* finished = act.Message(kFinished);
  MUST(finished != nullptr);
  FlipLast(&finished->body);
}
void SayUpdates(BreakAct& act, int count) {
  act.flight.clear();
  std::string all;
  for (int i = 0; i < count; ++i) {
    all += act.Seal({kTlsHandshake, act.epoch, Message(24, Text({1}))});
    act.peer.RollKey();
  }
  act.Raw(all);
}

constexpr auto kC = TlsSide::kClient;
constexpr auto kS = TlsSide::kServer;
constexpr uint16_t k12 = 0x0303, k13 = 0x0304;
constexpr auto kHello = BreakAt::kHello;
constexpr auto kAnswer = BreakAt::kAnswer;
constexpr auto kOpen = BreakAt::kData;
constexpr auto kRefused = BreakFate::kRefused;
constexpr auto kBad = CloseReason::kTlsHandshake;
constexpr auto kFatal = CloseReason::kTlsFatal;
constexpr auto kNone = CloseReason::kNone;
constexpr auto kServerBad = CloseReason::kTlsServerHandshake;
constexpr auto kServerFatal = CloseReason::kTlsServerFatal;

// Rows of both sides: the same act, another reason.
#define BOTH(name, version, at, fate, alert, client_reason, server_reason, ...)              \
  {"client_" name, kC, version, at, fate, alert, CloseReason::client_reason, __VA_ARGS__}, { \
    "server_" name, kS, version, at, fate, alert, CloseReason::server_reason, __VA_ARGS__    \
  }

const BrokenWay kWays[] = {
    // ---- records in the clear (RFC 8446 section 5.1) ----
    BOTH("record_type_unknown", k13, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(99, "hello")); }),
    BOTH("record_heartbeat", k13, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(24, Text({1, 0x40, 0}))); }),
    // One empty record is borne, many are not (library).
    BOTH("records_empty", k13, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Times(kEndless, Record(kTlsHandshake, ""))); }),
    BOTH("record_too_long", k13, kHello, kRefused, 22, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsHandshake, std::string(16384 + 257, 'x'))); }),
    BOTH("record_version_0200", k13, kHello, kRefused, 70, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsHandshake, "hello", 0x0200)); }),
    BOTH("record_header_cut", k13, kHello, kRefused, -1, kTlsEmpty, kTlsServerClosed,
         [](BreakAct& a) {
           a.Replace(Text({22, 3, 3}));
           a.end = WireEnd::kFin;
         }),
    BOTH("one_byte_records", k12, kHello, BreakFate::kServed, -1, kNone, kNone,
         [](BreakAct& a) {
           std::string all;
           for (const TlsPiece& piece : a.flight) {
             for (const char byte : piece.body) all += Record(kTlsHandshake, std::string{byte});
           }
           a.Replace(all);
           a.goes_on = true;
         }),
    BOTH("data_before_handshake", k13, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsData, "hello")); }),
    // A word of HTTP is no record, and gets no alert (library).
    {"client_plain_http", kC, k13, kHello, kRefused, -1, CloseReason::kTlsPlainHttp,
     [](BreakAct& a) { a.Replace("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); }},
    {"server_plain_http", kS, k13, kHello, kRefused, 70, kServerBad,
     [](BreakAct& a) { a.Replace("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); }},
    {"client_sslv2_hello", kC, k12, kHello, kRefused, 70, kBad,
     [](BreakAct& a) {
       // Version 2.0, one cipher of three bytes, sixteen of a challenge.
       a.Replace(Text({0x80, 28, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80}) + std::string(16, 7));
     }},

    // ---- alerts (section 6) ----
    BOTH("fatal_alert", k13, kHello, kRefused, -1, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsAlert, Text({2, 40}))); }),
    BOTH("alert_level_unknown", k13, kHello, kRefused, 47, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsAlert, Text({7, 40}))); }),
    BOTH("alert_unknown", k13, kHello, kRefused, -1, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsAlert, Text({2, 213}))); }),
    BOTH("alert_one_byte", k13, kHello, kRefused, 50, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsAlert, Text({2}))); }),
    BOTH("alert_three_bytes", k13, kHello, kRefused, 50, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsAlert, Text({2, 40, 0}))); }),
    BOTH("warnings", k12, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Times(kEndless, Record(kTlsAlert, Text({1, 90})))); }),
    BOTH("warnings_when_open", k12, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           for (int i = 0; i < kEndless; ++i) a.Say(kTlsAlert, Text({1, 90}));
         }),
    BOTH("close_notify_then_data", k13, kOpen, BreakFate::kEnded, -1, kNone, kNone,
         [](BreakAct& a) {
           a.flight.insert(a.flight.begin(), {kTlsAlert, a.epoch, Text({1, 0})});
         }),
    BOTH("close_notify_then_garbage", k13, kOpen, BreakFate::kEnded, -1, kNone, kNone,
         [](BreakAct& a) {
           a.flight.clear();
           a.Say(kTlsAlert, Text({1, 0}));
           a.Raw(std::string(500, 'x'));
         }),

    // ---- records that are sealed (section 5.2) ----
    // It fails to decrypt, whatever it says it is (section 5.2).
    BOTH("plain_after_sealed", k13, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) { a.Replace(Record(kTlsHandshake, Message(24, Text({0})))); }),
    BOTH("ciphertext_changed", k13, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           std::string record = a.Seal(a.flight[0]);
           record[6] = char(record[6] ^ 1);
           a.Replace(record);
         }),
    BOTH("tag_changed_13", k13, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           std::string record = a.Seal(a.flight[0]);
           FlipLast(&record);
           a.Replace(record);
         }),
    BOTH("tag_changed_12", k12, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           std::string record = a.Seal(a.flight[0]);
           FlipLast(&record);
           a.Replace(record);
         }),
    BOTH("record_replayed", k13, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) { a.Replace(Times(2, a.Seal(a.flight[0]))); }),
    BOTH("records_swapped", k12, kOpen, kRefused, 20, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           const auto [first, second] = SealedPair(a);
           a.Replace(second + first);
         }),
    BOTH("sealed_record_too_long", k13, kOpen, kRefused, 22, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           a.Say(kTlsData, std::string(16385, 'x'));
         }),
    BOTH("sealed_without_type", k13, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           a.Raw(a.Seal({0x80, a.epoch, ""}));
         }),
    BOTH("sealed_empty_records", k12, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           for (int i = 0; i < kEndless; ++i) a.Say(kTlsData, "");
         }),
    BOTH("fin_without_close_notify", k13, kOpen, BreakFate::kCut, -1, kNone, kNone,
         [](BreakAct& a) { a.end = WireEnd::kFin; }),
    BOTH("record_cut", k13, kOpen, BreakFate::kCut, -1, kNone, kNone,
         [](BreakAct& a) {
           const auto [first, record] = SealedPair(a);
           a.Replace(first + record.substr(0, record.size() - 3));
           a.end = WireEnd::kFin;
         }),
    BOTH("reset_in_handshake", k13, kHello, kRefused, -1, kTlsAbort, kTlsServerAbort,
         [](BreakAct& a) {
           a.Replace("");
           a.end = WireEnd::kReset;
         }),
    BOTH("reset_when_open", k13, kOpen, kRefused, -1, kClientReset, kServerReset,
         [](BreakAct& a) { a.end = WireEnd::kReset; }),

    // ---- messages of the handshake, of either side ----
    BOTH("message_too_long", k13, kHello, kRefused, 47, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) {
           const int kind = a.flight[0].body[0];
           a.Replace(Record(kTlsHandshake, Text({kind, 255, 255, 255})));
         }),
    BOTH("hello_length_lies", k13, kHello, kRefused, 50, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) {
           std::string& hello = a.flight[0].body;
           hello = Message(hello[0], hello.substr(4, hello.size() - 9));
           a.flight.resize(1);
         }),
    BOTH("extensions_cut", k13, kHello, kRefused, 50, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) {
           const Hello hello(a.flight[0].body);
           const std::string list = hello.List();
           a.flight[0].body = hello.Build(Number16(list.size()) + list.substr(0, 7));
           a.flight.resize(1);
         }),
    // No RFC names the alert for one extension twice: BoringSSL cannot decode the list (library).
    {"client_extension_twice", kC, k13, kHello, kRefused, 50, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.extensions.push_back(h.extensions.front()); });
     }},
    {"server_extension_twice", kS, k13, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.extensions.push_back(h.extensions.front()); });
     }},
    BOTH("other_message_first", k13, kHello, kRefused, 10, kTlsHandshake, kTlsServerHandshake,
         [](BreakAct& a) { a.Replace(Record(kTlsHandshake, Message(14, ""))); }),
    {"client_finished_wrong_13", kC, k13, kAnswer, kRefused, 51, kBad, ChangeFinished},
    {"client_finished_wrong_12", kC, k12, kAnswer, kRefused, 51, kBad, ChangeFinished},
    {"server_finished_wrong_13", kS, k13, kHello, kRefused, 51, kServerBad, ChangeFinished},
    {"server_finished_wrong_12", kS, k12, kAnswer, kRefused, 51, kServerBad, ChangeFinished},
    {"client_ccs_first", kC, k12, kHello, kRefused, 10, kBad,
     [](BreakAct& a) { a.Replace(Record(kTlsCcs, Text({1}))); }},
    BOTH("ccs_when_open", k12, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           a.Say(kTlsCcs, Text({1}));
         }),
    {"client_ccs_before_key_exchange", kC, k12, kAnswer, kRefused, 10, kBad,
     [](BreakAct& a) { a.Replace(Record(kTlsCcs, Text({1}))); }},
    {"server_ccs_before_hello_done", kS, k12, kHello, kRefused, 10, kServerBad,
     [](BreakAct& a) {
       a.flight.pop_back();
       a.Raw(Record(kTlsCcs, Text({1})));
     }},
    {"client_ccs_flood", kC, k13, kAnswer, kRefused, 10, kBad,
     [](BreakAct& a) { a.Replace(Times(kEndless, Record(kTlsCcs, Text({1})))); }},
    {"server_ccs_flood", kS, k13, kHello, kRefused, 10, kServerBad,
     [](BreakAct& a) {
       a.flight.resize(1);
       a.Raw(Times(kEndless, Record(kTlsCcs, Text({1}))));
     }},
    BOTH("key_update_flood", k13, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) { SayUpdates(a, kEndless); }),
    // RFC 8446 section 4.6.3 says 47, BoringSSL that it cannot decode it (library).
    BOTH("key_update_of_another_kind", k13, kOpen, kRefused, 50, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           a.Say(kTlsHandshake, Message(24, Text({2})));
         }),
    BOTH("message_when_open", k13, kOpen, kRefused, 10, kTlsFatal, kTlsServerFatal,
         [](BreakAct& a) {
           a.flight.clear();
           a.Say(kTlsHandshake, Message(kCertificateVerify, std::string(8, 0)));
         }),
    BOTH("stalls_in_its_hello", k13, kHello, BreakFate::kWaits, -1, kNone, kNone,
         [](BreakAct& a) { a.Replace(Record(kTlsHandshake, a.flight[0].body.substr(0, 20))); }),
    {"client_stalls_behind_its_hello", kC, k13, kAnswer, BreakFate::kWaits, -1, kNone,
     [](BreakAct& a) { a.Replace(""); }},
    {"server_stalls_behind_its_hello", kS, k12, kAnswer, BreakFate::kWaits, -1, kNone,
     [](BreakAct& a) { a.Replace(""); }},

    // ---- clients ----
    {"client_version_unknown", kC, k12, kHello, kRefused, 70, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) {
         h.Drop(43);
         h.version = Text({2, 9});
       });
     }},
    {"client_no_common_version", kC, k13, kHello, kRefused, 70, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(43) = Text({2, 3, 2}); });
     }},
    {"client_no_common_cipher", kC, k13, kHello, kRefused, 40, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.ciphers = Text({0x13, 0x77}); });
     }},
    {"client_no_common_cipher_12", kC, k12, kHello, kRefused, 40, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.ciphers = Text({0, 0x0a}); });
     }},
    {"client_no_common_group", kC, k13, kHello, kRefused, 40, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) {
         h.Extension(10) = Text({0, 2, 0, 30});
         h.Extension(51) = Text({0, 6, 0, 30, 0, 2, 1, 1});
       });
     }},
    {"client_compresses", kC, k13, kHello, kRefused, 47, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.compression = Text({1}); });
     }},
    {"client_key_share_twice", kC, k13, kHello, kRefused, 47, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) {
         std::string& shares = h.Extension(51);
         const std::string one = shares.substr(2);
         shares = Number16(2 * one.size()) + one + one;
       });
     }},
    // Section 7.4.2 names no alert (library).
    {"client_key_share_of_zeros", kC, k13, kHello, kRefused, 50, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) {
         h.Extension(51) = Number16(36) + Text({0, 29, 0, 32}) + std::string(32, 0);
       });
     }},
    // In the clear where sealed records are due (section 5.2).
    {"client_hello_twice", kC, k13, kAnswer, kRefused, 20, kBad,
     [](BreakAct& a) { a.Replace(Record(kTlsHandshake, a.first[0].body)); }},
    {"client_bytes_behind_its_hello", kC, k13, kHello, kRefused, 10, kBad,
     [](BreakAct& a) { a.Replace(Record(kTlsHandshake, a.flight[0].body + Message(20, "x"))); }},
    // A ClientHello that asks for nothing to be skipped, and sealed data all the same.
    {"client_early_data_unasked", kC, k13, kHello, kRefused, 20, kBad,
     [](BreakAct& a) { a.Raw(Record(kTlsData, std::string(64, 'e'))); }},
    // What it asks to be skipped has a limit (library: 16 kB).
    // The alert cannot be read: the hello that was changed is in the keys.
    {"client_early_data_flood", kC, k13, kHello, kRefused, -1, kBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(42) = ""; });
       a.Raw(Times(20, Record(kTlsData, std::string(4096, 'e'))));
     }},
    {"client_renegotiates", kC, k12, kOpen, kRefused, 100, CloseReason::kTlsRenegotiation,
     [](BreakAct& a) {
       const std::string hello = a.first[0].body;
       a.flight.clear();
       a.Say(kTlsHandshake, hello);
     }},
    {"client_certificate_empty_13", kC, k13, kAnswer, kRefused, 116, kBad,
     [](BreakAct& a) {
       a.Message(kCertificate)->body = Message(kCertificate, Text({0, 0, 0, 0}));
       a.Drop(kCertificateVerify);
     },
     true},
    {"client_certificate_empty_12", kC, k12, kAnswer, kRefused, 40, kBad,
     [](BreakAct& a) {
       a.Message(kCertificate)->body = Message(kCertificate, Text({0, 0, 0}));
       a.Drop(kCertificateVerify);
     },
     true},

    // ---- servers ----
    {"server_cipher_unoffered", kS, k13, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.ciphers = Text({0x13, 0x05}); });
     }},
    {"server_cipher_unoffered_12", kS, k12, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.ciphers = Text({0, 0x0a}); });
     }},
    // Section 4.2.1 says 47 (library).
    {"server_version_unoffered", kS, k13, kHello, kRefused, 70, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(43) = Text({3, 5}); });
     }},
    {"server_version_unoffered_12", kS, k12, kHello, kRefused, 70, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.version = Text({3, 1}); });
     }},
    {"server_group_unoffered", kS, k13, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(51)[1] = 30; });
     }},
    {"server_group_unoffered_12", kS, k12, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       std::string& exchange = a.Message(kServerKeyExchange)->body;
       exchange[6] = 30;
     }},
    // Section 4.1.3 says 47 (library).
    {"server_session_of_another", kS, k13, kHello, kRefused, 50, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.session = std::string(32, 's'); });
     }},
    // Section 4.1.3 names no alert (library).
    {"server_compresses", kS, k13, kHello, kRefused, 50, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.compression = Text({1}); });
     }},
    {"server_downgrades", kS, k12, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHelloOnly(a, [](Hello& h) {
         h.random.replace(24, 8, "DOWNGRD\x01");
       });
     }},
    {"server_extension_unoffered", kS, k13, kHello, kRefused, 110, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(0x7777) = "x"; });
     }},
    {"server_alpn_unoffered", kS, k13, kHello, kRefused, 110, kServerBad,
     [](BreakAct& a) {
       a.Message(kEncryptedExtensions)->body =
           Message(kEncryptedExtensions, Number16(9) + Text({0, 16, 0, 5, 0, 3, 2}) + "h2");
     }},
    {"server_retries_for_ever", kS, k13, kAnswer, kRefused, 10, kServerBad,
     [](BreakAct& a) { a.Replace(Record(kTlsHandshake, a.first[0].body)); }, false, "P-384"},
    {"server_retries_without_need", kS, k13, kHello, kRefused, 47, kServerBad,
     [](BreakAct& a) {
       ChangeHello(a, [](Hello& h) { h.Extension(51) = Text({0, 29}); });
     },
     false, "P-384"},
    // Section 4.4.2.4 says 50 (library).
    {"server_certificate_empty_13", kS, k13, kHello, kRefused, 116, kServerBad,
     [](BreakAct& a) {
       a.Message(kCertificate)->body = Message(kCertificate, Text({0, 0, 0, 0}));
     }},
    {"server_certificate_empty_12", kS, k12, kHello, kRefused, 50, kServerBad,
     [](BreakAct& a) {
       a.Message(kCertificate)->body = Message(kCertificate, Text({0, 0, 0}));
     }},
    {"server_signature_wrong_13", kS, k13, kHello, kRefused, 51, kServerBad,
     [](BreakAct& a) { FlipLast(&a.Message(kCertificateVerify)->body); }},
    {"server_signature_wrong_12", kS, k12, kHello, kRefused, 51, kServerBad,
     [](BreakAct& a) { FlipLast(&a.Message(kServerKeyExchange)->body); }},
    {"server_certificate_verify_missing", kS, k13, kHello, kRefused, 10, kServerBad,
     [](BreakAct& a) { a.Drop(kCertificateVerify); }},
    {"server_key_exchange_missing", kS, k12, kHello, kRefused, 10, kServerBad,
     [](BreakAct& a) { a.Drop(kServerKeyExchange); }},
    {"server_hello_requests", kS, k12, kOpen, kRefused, 100, kServerFatal,
     [](BreakAct& a) {
       a.flight.clear();
       for (int i = 0; i < kEndless; ++i) a.Say(kTlsHandshake, Message(0, ""));
     }},
    {"server_ticket_garbage", kS, k13, kOpen, kRefused, 50, kServerFatal,
     [](BreakAct& a) {
       a.flight.clear();
       a.Say(kTlsHandshake, Message(4, std::string(20, '\xee')));
     }},
    // Legal, and each takes the place of the one before.
    {"server_ticket_flood", kS, k13, kOpen, BreakFate::kServed, -1, kNone,
     [](BreakAct& a) {
       const std::string ticket = Message(4, Text({0, 0, 1, 0, 0, 0, 0, 9, 1, 5, 0, 200}) +
                                                 std::string(200, 't') + Text({0, 0}));
       std::vector<TlsPiece> tickets(10 * kEndless, {kTlsHandshake, a.epoch, ticket});
       a.flight.insert(a.flight.begin(), tickets.begin(), tickets.end());
       a.goes_on = true;
     }},
};
#undef BOTH

}  // namespace

std::span<const BrokenWay> BrokenWays() { return kWays; }

}  // namespace tests
