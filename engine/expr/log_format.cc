#include "engine/expr/log_format.h"

#include <algorithm>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/expr/log_item_writer.h"

namespace engine {
namespace {

bool IsAlnum(char c) {
  return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z');
}

// What braces behind a '%' say.
struct ItemFlags {
  uint8_t flags = 0;
  LogEncoding encoding = LogEncoding::kNone;
  bool binary = false;
};

LogEncoding EncodingOf(std::string_view word) {
  return word == "json"   ? LogEncoding::kJson
         : word == "cbor" ? LogEncoding::kCbor
                          : LogEncoding::kNone;
}

uint8_t FlagOf(std::string_view word) {
  return word == "Q" ? kLogQuote : word == "X" ? kLogHex : word == "E" ? kLogEscape : 0;
}

}  // namespace

LogMoment MomentOf(Needs needs) {
  if ((needs & needs::kEndOfStream) != 0) return LogMoment::kEnd;
  if ((needs & (needs::kResponseHead | needs::kResponseBytes)) != 0) return LogMoment::kResponse;
  if ((needs & needs::kServer) != 0) return LogMoment::kServerGone;
  if ((needs & (needs::kRequestHead | needs::kRequestBytes)) != 0) return LogMoment::kRequest;
  if ((needs & (needs::kClient | needs::kClientTls)) != 0) return LogMoment::kClientGone;
  return LogMoment::kEnd;
}

// Reading -----------------------------------------------------------------------------------------

class LogFormat::Parser {
 public:
  Parser(LogFormat& format, std::string_view text, const Registry* units, Needs offers,
         LogFormatError* error)
      : format_(format), text_(text), units_(units), offers_(offers), error_(error) {}
  bool Run();

 private:
  bool Refuse(size_t at, std::string message, std::string hint = {}) {
    *error_ = {std::move(message), std::move(hint), at};
    return false;
  }
  Item& Add(LogTag tag) { return format_.items_.emplace_back(Item{.tag = tag, .type = {}}); }
  void AddText(std::string_view text) {
    if (format_.items_.empty() || format_.items_.back().tag != LogTag::kText) Add(LogTag::kText);
    format_.items_.back().text += text;
  }
  bool TakeItem();
  bool TakeAlias(size_t start, Item item, const ItemFlags& flags);
  bool TakeExpression(Item item);
  bool TakeName(Item* item);
  bool TakeFlags(ItemFlags* flags);
  bool TakeFlag(std::string_view word, size_t at, ItemFlags* flags);

  LogFormat& format_;
  const std::string_view text_;
  const Registry* const units_;
  const Needs offers_;
  LogFormatError* const error_;
  size_t at_ = 0;
  uint8_t flags_ = 0;  // of %o
};

bool LogFormat::Parser::Run() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ') {
      if (format_.items_.empty() || format_.items_.back().tag != LogTag::kSpace) {
        Add(LogTag::kSpace);
      }
      ++at_;
    } else if (c == '%' && at_ + 1 < text_.size() && text_[at_ + 1] == '%') {
      AddText("%");
      at_ += 2;
    } else if (c == '%') {
      if (!TakeItem()) return false;
    } else {
      AddText(text_.substr(at_++, 1));
    }
  }
  return true;
}

bool LogFormat::Parser::TakeName(Item* item) {
  if (at_ >= text_.size() || text_[at_] != '(') return true;
  const size_t close = text_.find(')', at_);
  if (close == std::string_view::npos) return Refuse(at_, "a name is not closed by ')'");
  const std::string_view name = text_.substr(at_ + 1, close - at_ - 1);
  const size_t colon = name.find(':');
  item->name = name.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view type = name.substr(colon + 1);
    if (type != "str" && type != "sint" && type != "bool") {
      return Refuse(at_ + 2 + colon, "unknown type " + InQuotes(type),
                    Suggest(type, {"str", "sint", "bool"}));
    }
    item->type = type == "str"    ? LogType::kText
                 : type == "sint" ? LogType::kInteger
                                  : LogType::kBoolean;
  }
  at_ = close + 1;
  return true;
}

bool LogFormat::Parser::TakeFlag(std::string_view word, size_t at, ItemFlags* flags) {
  const bool off = word.starts_with('-');
  if (off || word.starts_with('+')) word.remove_prefix(1);
  if (const uint8_t flag = FlagOf(word); flag != 0) {
    flags->flags = off ? uint8_t(flags->flags & ~flag) : uint8_t(flags->flags | flag);
  } else if (const LogEncoding encoding = EncodingOf(word); encoding != LogEncoding::kNone) {
    flags->encoding = off ? LogEncoding::kNone : encoding;
  } else if (word == "bin") {
    flags->binary = !off;
  } else {
    return Refuse(at, "unknown flag " + InQuotes(word),
                  Suggest(word, {"Q", "X", "E", "bin", "json", "cbor"}));
  }
  return true;
}

bool LogFormat::Parser::TakeFlags(ItemFlags* flags) {
  if (at_ >= text_.size() || text_[at_] != '{') return true;
  const size_t close = text_.find('}', at_);
  if (close == std::string_view::npos) return Refuse(at_, "flags are not closed by '}'");
  for (size_t begin = at_ + 1; begin < close;) {
    const size_t end = std::min(text_.find(',', begin), close);
    if (!TakeFlag(text_.substr(begin, end - begin), begin, flags)) return false;
    begin = end + 1;
  }
  at_ = close + 1;
  return true;
}

bool LogFormat::Parser::TakeExpression(Item item) {
  const std::string_view rest = text_.substr(at_ + 1);
  if (units_ == nullptr) return Refuse(at_, "an expression ('%[...]') cannot stand here");
  size_t used = 0;
  ExpressionProblem problem;
  std::optional<Expression> expression =
      Expression::CompileFront(rest, *units_, offers_, &used, &problem);
  if (!expression) return Refuse(at_ + 1 + problem.offset, problem.message, problem.hint);
  if (used >= rest.size() || rest[used] != ']') {
    return Refuse(at_ + 1 + used, "an expression is not closed by ']'");
  }
  const Needs needs = expression->needs();
  if ((needs & needs::kClient) != 0) format_.needs_ |= kNeedsClient | kNeedsFrontendAddress;
  const bool http = (needs & (needs::kRequestHead | needs::kResponseHead)) != 0;
  if (http && format_.http_item_.empty()) {
    format_.http_item_ = "%[" + std::string(rest.substr(0, used)) + "]";
  }
  item.tag = LogTag::kExpression;
  item.expression = uint32_t(format_.expressions_.size());
  format_.expressions_.push_back(std::move(*expression));
  format_.items_.push_back(std::move(item));
  at_ += used + 2;
  return true;
}

bool LogFormat::Parser::TakeAlias(size_t start, Item item, const ItemFlags& flags) {
  size_t end = at_;
  while (end < text_.size() && IsAlnum(text_[end])) ++end;
  const std::string_view name = text_.substr(at_, end - at_);
  const LogTagSpec* found = FindLogTag(name);
  if (found == nullptr) {
    return Refuse(start, name.empty() ? "a '%' stands alone: write '%%'"
                                      : "no such item: '%" + std::string(name) + "'");
  }
  at_ = end;
  if (found->tag == LogTag::kFlags) {
    flags_ = flags.flags;
    format_.binary_ = format_.binary_ || flags.binary;
    if (flags.encoding != LogEncoding::kNone) format_.encoding_ = flags.encoding;
    return true;
  }
  if (found->http && format_.http_item_.empty()) format_.http_item_ = "%" + std::string(name);
  format_.needs_ |= found->needs;
  item.tag = found->tag;
  format_.items_.push_back(std::move(item));
  return true;
}

bool LogFormat::Parser::TakeItem() {
  const size_t start = at_++;
  ItemFlags flags{.flags = flags_};
  Item item{.tag = LogTag::kText, .type = LogType::kOwn};
  if (!TakeName(&item) || !TakeFlags(&flags)) return false;
  item.flags = flags.flags;
  item.encoding = flags.encoding;
  if (at_ < text_.size() && text_[at_] == '[') return TakeExpression(std::move(item));
  return TakeAlias(start, std::move(item), flags);
}

bool LogFormat::Compile(std::string_view text, const Registry* units, Needs offers,
                        LogFormatError* error) {
  *this = {};
  return Parser(*this, text, units, offers, error).Run();
}

// Writing -----------------------------------------------------------------------------------------

struct LogFormat::Writing {
  const LogFormat& format;
  const LogRecord& record;
  LogDates& dates;
  LogLine& line;
  EvalContext* context;
  const KeptSample* kept;
};

void LogFormat::WriteItem(const Item& item, const Writing& writing) {
  const LogFormat& format = writing.format;
  const LogEncoding encoding =
      format.encoding_ != LogEncoding::kNone ? format.encoding_ : item.encoding;
  LogItemWriter writer(writing.record, writing.dates, writing.line, format.use_, encoding,
                       format.binary_);
  if (item.tag != LogTag::kExpression) return writer.Write(item.tag, item.flags, item.type);
  EvalContext* context = writing.context;
  char none[1];
  Scratch no_scratch(none, 0);
  Scratch& scratch = context == nullptr ? no_scratch : context->scratch();
  char* const mark = scratch.Take(0);
  if (writing.kept != nullptr && writing.kept[item.expression].known) {
    writer.Write(&writing.kept[item.expression].sample, item.flags, item.type, scratch);
  } else {
    Sample sample;
    const bool given =
        context != nullptr && format.expressions_[item.expression].Run(*context, sample);
    writer.Write(given ? &sample : nullptr, item.flags, item.type, scratch);
  }
  scratch.Shrink(mark, 0);  // what was made is in the line
}

// Only items with a name have a place in a map (manual 8.2.6).
void LogFormat::WriteEncoded(const Writing& writing) const {
  LogItemWriter writer(writing.record, writing.dates, writing.line, use_, encoding_, binary_);
  writer.BeginMap();
  bool first = true;
  for (const Item& item : items_) {
    if (item.name.empty()) continue;
    writer.Key(item.name, first);
    first = false;
    WriteItem(item, writing);
  }
  writer.EndMap();
}

void LogFormat::Write(const LogRecord& record, LogDates& dates, LogLine& line, EvalContext* context,
                      const KeptSample* kept) const {
  const Writing writing{*this, record, dates, line, context, kept};
  if (encoding_ != LogEncoding::kNone) return WriteEncoded(writing);
  // Blanks are one, whatever is empty between them (manual 8.2.6).
  bool after_space = true;
  for (const Item& item : items_) {
    if (item.tag == LogTag::kSpace) {
      if (!after_space) line.Char(' ');
      after_space = true;
      continue;
    }
    const size_t before = line.size();
    if (item.tag == LogTag::kText) {
      line.Text(item.text);
    } else {
      WriteItem(item, writing);
    }
    if (line.size() != before) after_space = false;
  }
}

void WriteDefaultLog(const LogRecord& record, LogLine& line) {
  const char* mode = record.http ? "HTTP" : "TCP";
  if (record.client.is_ip()) {
    line.Text("Connect from ").Ip(record.client).Char(':').Number(record.client.port);
    line.Text(" to ").Ip(record.frontend_address).Char(':').Number(record.frontend_address.port);
  } else {
    line.Text("Connect to unix:").Number(record.bind_id);
  }
  line.Text(" (").Text(record.frontend).Char('/').Text(mode).Char(')');
}

void WriteErrorLog(const LogRecord& record, LogDates& dates, LogLine& line) {
  line.Ip(record.client).Char(':');
  line.Number(record.client.is_ip() ? record.client.port : record.bind_id);
  line.Text(" [").Text(dates.Clf(record.accept_us, LogDates::Zone::kLocal));
  line.Char('.').Padded(record.accept_us / 1000 % 1000, 3).Text("] ");
  line.Text(record.frontend).Char('/').Text(record.bind).Text(": ").Text(record.message);
}

}  // namespace engine
