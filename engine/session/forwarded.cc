#include "engine/session/forwarded.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/forwarded_expressions.h"
#include "engine/session/stream.h"
#include "engine/session/stream_context.h"
#include "proto/http/chars.h"
#include "tls/link.h"

namespace engine {
namespace {

constexpr std::string_view kUnknown = "unknown";

// What may stand behind the "_" of a name that hides another (RFC 7239 section 6.3).
bool IsHidden(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z') || c == '.' ||
           c == '_' || c == '-';
  });
}

// Empty: no room.
std::string_view Join(Scratch& scratch, std::initializer_list<std::string_view> pieces) {
  size_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  char* const begin = scratch.Take(bytes);
  if (begin == nullptr) return {};
  char* to = begin;
  for (const std::string_view piece : pieces) to += piece.copy(to, piece.size());
  return {begin, bytes};
}

std::string_view NameOf(const shard::Address& address, Scratch& scratch) {
  if (!address.is_ip()) return kUnknown;
  Sample sample = Sample::Address(address);
  if (!Cast(sample, SampleKind::kString, scratch)) return kUnknown;
  if (address.family == AF_INET) return sample.text;
  return Join(scratch, {"[", sample.text, "]"});
}

// An address, or a name that hides one: "_" goes before what does not begin with it.
std::string_view NameOf(Sample& sample, Scratch& scratch) {
  if (sample.type == SampleType::kAddress) return NameOf(sample.address, scratch);
  if (!Cast(sample, SampleKind::kString, scratch)) return kUnknown;
  const std::string_view text = sample.text;
  if (text == kUnknown) return kUnknown;
  if (text.starts_with('_')) return IsHidden(text.substr(1)) ? text : kUnknown;
  const shard::Address address = shard::Address::FromText(text);
  if (address.is_ip()) return NameOf(address, scratch);
  return IsHidden(text) ? Join(scratch, {"_", text}) : kUnknown;
}

// A number, or a name that hides it; empty: neither.
std::string_view PortOf(Sample& sample, Scratch& scratch) {
  if (!Cast(sample, SampleKind::kString, scratch)) return {};
  if (sample.text.starts_with('_')) return IsHidden(sample.text.substr(1)) ? sample.text : "";
  const auto number = base::ParseUnsigned(sample.text);
  return number && *number <= UINT16_MAX && sample.text.size() <= 5 ? sample.text : "";
}

std::string_view Name(const std::optional<Expression>& expression, const shard::Address& address,
                      StreamContext& context) {
  if (!expression) return NameOf(address, context.scratch());
  Sample sample;
  return expression->Run(context, sample) ? NameOf(sample, context.scratch()) : kUnknown;
}

std::string_view Port(const std::optional<Expression>& expression, const shard::Address& address,
                      StreamContext& context) {
  Sample sample = Sample::Integer(address.port);
  if (expression ? !expression->Run(context, sample) : !address.is_ip()) return {};
  return PortOf(sample, context.scratch());
}

std::string_view Host(const std::optional<Expression>& expression, const proto::FieldList& fields,
                      StreamContext& context) {
  if (!expression) return fields.ValueOf(proto::FieldName::kHost);
  Sample sample;
  const bool has_text =
      expression->Run(context, sample) && Cast(sample, SampleKind::kString, context.scratch());
  // No quoted string may hold a control (RFC 9110 section 5.6.4).
  return has_text && proto::AllOf(sample.text, proto::kValueClass) ? sample.text : "";
}

// "name=value;name="value"", into memory that holds it all, with every byte escaped.
class Element {
 public:
  explicit Element(char* memory) : begin_(memory), at_(memory) {}
  void Begin(std::string_view name) {
    if (at_ != begin_) *at_++ = ';';
    at_ += name.copy(at_, name.size());
    *at_++ = '=';
  }
  void Add(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void AddQuoted(std::string_view text) {
    *at_++ = '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') *at_++ = '\\';
      *at_++ = c;
    }
    *at_++ = '"';
  }
  void AddNode(std::string_view label, std::string_view name, std::string_view port) {
    Begin(label);
    if (port.empty() && proto::IsToken(name)) return Add(name);
    // Neither may hold what has to be escaped.
    Add("\"");
    Add(name);
    if (!port.empty()) Add(":");
    Add(port);
    Add("\"");
  }
  std::string_view text() const { return {begin_, size_t(at_ - begin_)}; }

 private:
  char* const begin_;
  char* at_;
};

}  // namespace

void AddForwardedElement(const ForwardedOption& option, Stream& stream, FrontEndpoint& front) {
  static const ForwardedExpressions kNone;
  const ForwardedExpressions& made = option.made != nullptr ? *option.made : kNone;
  StreamContext context(stream);
  proto::FieldList& fields = front.request().fields;
  std::string_view host;
  std::string_view by;
  std::string_view by_port;
  std::string_view from;
  std::string_view from_port;
  if (option.host) host = Host(made.host, fields, context);
  if (option.by) by = Name(made.by, stream.Destination(), context);
  if (option.by_port) by_port = Port(made.by_port, stream.Destination(), context);
  if (option.from) from = Name(made.from, stream.Source(), context);
  if (option.from_port) from_port = Port(made.from_port, stream.Source(), context);
  constexpr size_t kAroundBytes = 64;  // names, signs, quotes and the protocol
  char* const memory = context.scratch().Take(kAroundBytes + 2 * host.size() + by.size() +
                                              by_port.size() + from.size() + from_port.size());
  if (memory == nullptr) return;
  Element element(memory);
  if (option.proto) {
    const bool is_tls = context.client != nullptr && tls::Link::Of(*context.client) != nullptr;
    element.Begin("proto");
    element.Add(is_tls ? "https" : "http");
  }
  if (!host.empty()) {
    element.Begin("host");
    element.AddQuoted(host);
  }
  if (!by.empty()) element.AddNode("by", by, by_port);
  if (!from.empty()) element.AddNode("for", from, from_port);
  if (!element.text().empty()) (void)fields.CopyAdd("forwarded", element.text());
}

}  // namespace engine
