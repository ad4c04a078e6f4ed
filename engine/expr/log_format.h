// log_format.h - a custom log format (manual 8.2.6), compiled once and then written for every line.
//
// Owns:    its items and their texts.
// Threads: start-up while it is compiled, then immutable.
// Units:   none.
// Errors:  Compile() gives a sentence, and where in the text it is about.
// States:  empty or compiled.
//
//   LogFormat format;
//   LogFormatError error;
//   if (!format.Compile("%ci:%cp [%t] %ft %b/%s", &error)) ...
//   format.Write(record, dates, line);
//
// The formats of `option tcplog` and its kin are such texts too. Expressions (`%[...]`) are items
// like the others. What they look at may be gone when the line is written: whoever owns it
// evaluates them at their LogMoment and hands the values to Write().

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/expr/expression.h"
#include "engine/log/log_dates.h"
#include "engine/log/log_line.h"
#include "engine/log/log_record.h"

namespace engine {

// The built-in formats, by the exact strings of manual 8.2.
inline constexpr std::string_view kTcpLogFormat =
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
inline constexpr std::string_view kTcpClfLogFormat =
    "%{Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- "
    "%ac %fc %bc %sc %rc %sq %bq \"\" \"\" ";
inline constexpr std::string_view kHttpLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq "
    "%hr %hs %{+Q}r";
inline constexpr std::string_view kHttpClfLogFormat =
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac "
    "%fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
// What HAPROXY_HTTPS_LOG_FMT holds, and `option httpslog` means.
inline constexpr std::string_view kHttpsLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq "
    "%hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    "%[ssl_fc_sni]/%sslv/%sslc";

enum class LogTag : uint8_t;
enum class LogType : uint8_t;

// What a format asks for that costs something to find out, or comes late.
enum LogNeeds : uint32_t {
  kNeedsClient = 1u << 0,           // the peer's address
  kNeedsFrontendAddress = 1u << 1,  // a system call where the bind is a wildcard
  kNeedsSource = 1u << 2,           // a system call
  kNeedsRequest = 1u << 3,          // the head is held until the line is written
  kNeedsCounts = 1u << 4,           // connections, summed over all shards
  kNeedsUniqueId = 1u << 5,
};

enum class LogEncoding : uint8_t { kNone, kJson, kCbor };

// What a line becomes. HAProxy treats what expressions give (`%[...]`) by it; aliases are the same
// everywhere, but for what is missing: '-' holds its place in a log alone.
enum class LogUse : uint8_t {
  kLog,
  kMessage,  // a part of an HTTP message: never quoted, LogEscape::kPercent so that no line ends
  kText,     // of a variable, a check, a name: quoted where that is asked for, else the very bytes
};

// When what an expression looks at is at hand for the last time. Its value is taken then and kept,
// because the line is written at the end.
enum class LogMoment : uint8_t {
  kRequest,     // the request's head is there, as the client sent it
  kResponse,    // a response's head goes to the client
  kServerGone,  // the connection to the server is about to be given back
  kClientGone,  // the client's connection is
  kEnd,         // the line is being written: nothing is kept
  kCount
};
LogMoment MomentOf(Needs needs);

// The value of an expression that was evaluated at its moment.
struct KeptSample {
  bool known = false;
  Sample sample;
};

struct LogFormatError {
  std::string message;
  std::string hint;
  size_t at = 0;  // in the text
};

class LogFormat {
 public:
  // `units`: null for a format without expressions.
  bool Compile(std::string_view text, const Registry* units, Needs offers, LogFormatError* error);
  bool Compile(std::string_view text, LogFormatError* error) {
    return Compile(text, nullptr, 0, error);
  }
  bool empty() const { return items_.empty(); }
  uint32_t needs() const { return needs_; }
  // An item that only has a value in mode http, as written; empty: none.
  std::string_view http_item() const { return http_item_; }
  const std::vector<Expression>& expressions() const { return expressions_; }

  // A format that was compiled makes lines of a log, until something else is said.
  void set_use(LogUse use) { use_ = use; }
  // `context`: what expressions look at; null: they give nothing. `kept`: by expression, what was
  // taken before; null: nothing was.
  void Write(const LogRecord& record, LogDates& dates, LogLine& line,
             EvalContext* context = nullptr, const KeptSample* kept = nullptr) const;

 private:
  struct Item {
    LogTag tag;
    uint8_t flags = 0;
    LogType type;
    LogEncoding encoding = LogEncoding::kNone;  // its own, where the format has none
    uint32_t expression = 0;
    std::string text;
    std::string name;  // empty: none
  };
  class Parser;
  struct Writing;

  static void WriteItem(const Item& item, const Writing& writing);
  void WriteEncoded(const Writing& writing) const;

  std::vector<Item> items_;
  std::vector<Expression> expressions_;
  LogEncoding encoding_ = LogEncoding::kNone;  // of the whole (%{+json}o)
  bool binary_ = false;                        // %{+bin}o
  LogUse use_ = LogUse::kLog;
  uint32_t needs_ = 0;
  std::string http_item_;
};

// "Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)" (manual 8.2.1).
void WriteDefaultLog(const LogRecord& record, LogLine& line);
inline constexpr uint32_t kDefaultLogNeeds = kNeedsClient | kNeedsFrontendAddress;
// "127.0.0.1:56059 [03/Dec/2012:17:35:10.380] frt/f1: ..." (manual 8.2.5).
void WriteErrorLog(const LogRecord& record, LogDates& dates, LogLine& line);

}  // namespace engine
