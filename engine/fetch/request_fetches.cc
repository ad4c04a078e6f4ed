#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/balance/hash.h"
#include "engine/expr/converters.h"
#include "engine/fetch/credentials.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "proto/http/target.h"

namespace engine {
namespace {

using proto::FieldName;
using proto::RequestHead;
using proto::TargetForm;

const RequestHead* Request(EvalContext& context) { return Traffic(context).request; }

// `pieces`, one behind the other; a view where they lie so already. Null data: no room.
std::string_view Join(Scratch& scratch, std::initializer_list<std::string_view> pieces) {
  size_t bytes = 0;
  std::string_view whole;
  bool together = true;
  for (const std::string_view piece : pieces) {
    bytes += piece.size();
    if (piece.empty()) continue;
    if (whole.empty()) {
      whole = piece;
    } else if (whole.data() + whole.size() == piece.data()) {
      whole = {whole.data(), whole.size() + piece.size()};
    } else {
      together = false;
    }
  }
  if (together) return whole.data() == nullptr ? std::string_view("") : whole;
  char* text = scratch.Take(bytes);
  if (text == nullptr) return {};
  char* at = text;
  for (const std::string_view piece : pieces) {
    if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  return {text, bytes};
}

// The '?' as it was sent where it stands before the query, so that nothing is copied.
std::string_view QuestionMark(const RequestHead& head) {
  if (!head.has_query) return {};
  const char* before = head.query.data() - 1;
  const std::string_view target = head.target;
  const bool as_sent = head.query.data() > target.data() &&
                       head.query.data() <= target.data() + target.size() && *before == '?';
  return as_sent ? std::string_view(before, 1) : std::string_view("?");
}

bool Method(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  sample = Sample::Method(head->method_text);
  return true;
}

bool Path(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  return head != nullptr && !head->path.empty() && GiveText(sample, head->path);
}

bool PathQuery(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr || head->path.empty()) return false;
  const std::string_view text =
      Join(context.scratch(), {head->path, QuestionMark(*head), head->query});
  return text.data() != nullptr && GiveText(sample, text);
}

bool Query(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr || !head->has_query) return false;
  if (unit.number == 0 || head->query.empty()) return GiveText(sample, head->query);
  const std::string_view text = Join(context.scratch(), {QuestionMark(*head), head->query});
  return text.data() != nullptr && GiveText(sample, text);
}

bool PrepareQuery(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.has(0) ? 1 : 0;
  if (unit.number == 0 || unit.arguments.text(0) == "with_qm") return true;
  *why = "the only option is 'with_qm'";
  return false;
}

// As rules have left it; what was sent, where they have changed nothing.
std::string_view UrlText(const RequestHead& head, Scratch& scratch) {
  const bool origin = head.target_form == TargetForm::kOrigin;
  if (!origin && head.target_form != TargetForm::kAbsolute) return head.target;
  const std::string_view mark = QuestionMark(head);
  if (origin || head.scheme.empty()) return Join(scratch, {head.path, mark, head.query});
  return Join(scratch, {head.scheme, "://", head.authority, head.path, mark, head.query});
}

bool Url(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  const std::string_view text = UrlText(*head, context.scratch());
  return text.data() != nullptr && GiveText(sample, text);
}

std::string_view HostOf(const RequestHead& head) { return head.fields.ValueOf(FieldName::kHost); }

bool Base(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  const std::string_view text = Join(context.scratch(), {HostOf(*head), head->path});
  return text.data() != nullptr && GiveText(sample, text);
}

bool BaseQuery(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  const std::string_view text =
      Join(context.scratch(), {HostOf(*head), head->path, QuestionMark(*head), head->query});
  return text.data() != nullptr && GiveText(sample, text);
}

// Hashes ------------------------------------------------------------------------------------------

uint32_t Hash(std::string_view text) { return Avalanche(HashBytes(HashFunction::kSdbm, text)); }

bool Base32(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return Base(unit, sample, context) && GiveNumber(sample, Hash(sample.text));
}

// Of what one URL has in every form that a client may send it in: in front of the path stands the
// host anyway.
bool Url32(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  const std::string_view text =
      Join(context.scratch(), {HostOf(*head), head->path, QuestionMark(*head), head->query});
  return text.data() != nullptr && GiveNumber(sample, Hash(text));
}

// The number in network order, and the client's address behind it.
template <bool (*kNumber)(const PreparedUnit&, Sample&, EvalContext&)>
bool WithSource(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  if (!kNumber(unit, sample, context)) return false;
  const std::string_view address = Traffic(context).Source().Bytes();
  char* bytes = context.scratch().Take(4 + address.size());
  if (address.empty() || bytes == nullptr) return false;
  for (int i = 0; i < 4; ++i) bytes[i] = char(uint64_t(sample.number) >> (24 - 8 * i));
  std::memcpy(bytes + 4, address.data(), address.size());
  return GiveBytes(sample, {bytes, 4 + address.size()});
}

// The host of a URL -------------------------------------------------------------------------------

// That of the target; of a target without one, nothing.
bool TargetAuthority(EvalContext& context, proto::Authority* authority) {
  const RequestHead* head = Request(context);
  return head != nullptr && !head->authority.empty() &&
         proto::ParseAuthority(head->authority, authority);
}

bool UrlIp(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::Authority authority;
  if (!TargetAuthority(context, &authority)) return false;
  std::string_view host = authority.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const shard::Address address = shard::Address::FromText(host);
  if (address.family == AF_UNSPEC) return false;
  sample = Sample::Address(address);
  return true;
}

bool UrlPort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  constexpr uint16_t kDefaultPort = 80;  // whatever the scheme: so the manual says
  proto::Authority authority;
  const bool given = TargetAuthority(context, &authority) && authority.port_number != 0;
  return GiveNumber(sample, given ? authority.port_number : kDefaultPort);
}

// Parameters --------------------------------------------------------------------------------------

// Goes through "a=1&b=2"; what has no '=' is no parameter.
struct ParameterReader {
  std::string_view rest;
  std::string_view ends;  // the bytes that end one

  bool Next(std::string_view* name, std::string_view* value) {
    while (!rest.empty()) {
      const size_t end = std::min(rest.find_first_of(ends), rest.size());
      const std::string_view one = rest.substr(0, end);
      rest = rest.substr(std::min(end + 1, rest.size()));
      const size_t equals = one.find('=');
      if (equals == one.npos) continue;
      *name = one.substr(0, equals);
      *value = one.substr(equals + 1);
      return true;
    }
    return false;
  }
};

bool FindParameter(ParameterReader reader, std::string_view wanted, bool ignore_case,
                   uint32_t occurrence, std::string_view* found) {
  std::string_view name, value;
  for (uint32_t left = std::max(occurrence, 1u); reader.Next(&name, &value);) {
    const bool matches =
        wanted.empty() || (ignore_case ? base::EqualsIgnoreCase(name, wanted) : name == wanted);
    if (!matches || --left > 0) continue;
    *found = value;
    return true;
  }
  return false;
}

bool FindUrlParameter(const PreparedUnit& unit, EvalContext& context, std::string_view* value) {
  const RequestHead* head = Request(context);
  if (head == nullptr) return false;
  char ends[3] = {'&', ';', '&'};
  std::string_view text = head->has_query ? head->query : std::string_view();
  const std::string_view delimiter = unit.arguments.text(1).substr(0, 1);
  if (!delimiter.empty() && delimiter != "?") {
    ends[2] = delimiter[0];
    const std::string_view url = UrlText(*head, context.scratch());
    const size_t begin = url.find(delimiter[0]);
    text = begin == url.npos ? std::string_view() : url.substr(begin + 1);
  }
  return FindParameter({text, std::string_view(ends, 3)}, unit.arguments.text(0), unit.number != 0,
                       context.occurrence(), value);
}

template <size_t kArgument>
bool PrepareParameter(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.has(kArgument) ? 1 : 0;
  if (unit.number == 0 || unit.arguments.text(kArgument) == "i") return true;
  *why = "the only flag is 'i'";
  return false;
}

bool UrlParameter(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindUrlParameter(unit, context, &value) && GiveText(sample, value);
}

bool UrlParameterNumber(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindUrlParameter(unit, context, &value) && GiveNumber(sample, base::LeadingNumber(value));
}

// Bodies ------------------------------------------------------------------------------------------

// What is here of a body. One that has gone on its way already is not looked at any more.
const shard::ByteQueue* Body(EvalContext& context, const shard::Channel* channel,
                             const void* head) {
  if (channel == nullptr || head == nullptr || channel->bytes_consumed() > 0) return nullptr;
  context.SetUnsettled(true);  // where rules may wait for more of it
  return &channel->bytes();
}

bool GiveBody(Sample& sample, StreamContext& traffic, const shard::ByteQueue* body) {
  if (body == nullptr) return false;
  return GiveBytes(sample, traffic.Contiguous(body, body->size()));
}

// What its head says of it needs no waiting for.
bool GiveLength(Sample& sample, const proto::Framing* framing) {
  return framing != nullptr && framing->kind == proto::BodyKind::kLength &&
         GiveNumber(sample, int64_t(framing->length));
}

const shard::ByteQueue* RequestBody(EvalContext& context) {
  // In mode tcp the head is still among the bytes.
  if (Traffic(context).request_framing == nullptr) return nullptr;
  return Body(context, Traffic(context).request_channel, Traffic(context).request);
}
const shard::ByteQueue* ResponseBody(EvalContext& context) {
  return Body(context, Traffic(context).response_channel, Traffic(context).response);
}

bool GiveRequestBody(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveBody(sample, Traffic(context), RequestBody(context));
}
bool GiveResponseBody(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveBody(sample, Traffic(context), ResponseBody(context));
}
bool RequestBodyLength(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::ByteQueue* body = RequestBody(context);
  return body != nullptr && GiveNumber(sample, int64_t(body->size()));
}
bool ResponseBodyLength(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::ByteQueue* body = ResponseBody(context);
  return body != nullptr && GiveNumber(sample, int64_t(body->size()));
}
bool RequestBodySize(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveLength(sample, Traffic(context).request_framing) ||
         RequestBodyLength(unit, sample, context);
}
bool ResponseBodySize(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveLength(sample, Traffic(context).response_framing) ||
         ResponseBodyLength(unit, sample, context);
}

bool BodyParameter(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const shard::ByteQueue* body = RequestBody(context);
  if (body == nullptr) return false;
  const std::string_view text = Traffic(context).Contiguous(body, body->size());
  std::string_view value;
  return FindParameter({text, "&"}, unit.arguments.text(0), unit.number != 0, context.occurrence(),
                       &value) &&
         GiveText(sample, value);
}

// Who asks (RFC 7617, RFC 6750) -------------------------------------------------------------------

// "Basic dXNlcjpwYXNz": the scheme and what follows it. Without `field`, of the one that answers
// `http-request auth`.
bool SplitCredentials(const RequestHead* head, std::string_view field, std::string_view* scheme,
                      std::string_view* rest) {
  if (head == nullptr) return false;
  const FieldName usual = head->connection_field == FieldName::kProxyConnection
                              ? FieldName::kProxyAuthorization
                              : FieldName::kAuthorization;
  const proto::Field* found = field.empty() ? head->fields.Find(usual) : head->fields.Find(field);
  if (found == nullptr) return false;
  const std::string_view value = base::Trim(found->value());
  const size_t blank = value.find(' ');
  if (blank == value.npos) return false;
  *scheme = value.substr(0, blank);
  *rest = base::Trim(value.substr(blank + 1));
  return true;
}

}  // namespace

// "user:password" of the Basic scheme.
bool BasicCredentials(EvalContext& context, std::string_view* user, std::string_view* password) {
  std::string_view scheme, rest;
  if (!SplitCredentials(Request(context), {}, &scheme, &rest)) return false;
  if (!base::EqualsIgnoreCase(scheme, "Basic")) return false;
  Sample sample = Sample::String(rest);
  static const ConverterSpec& decoder = ConverterOf(EncodingConverters(), "b64dec");
  static const PreparedUnit kNoArguments;
  if (!decoder.run(kNoArguments, sample, context)) return false;
  const size_t colon = sample.text.find(':');
  if (colon == sample.text.npos) return false;
  *user = sample.text.substr(0, colon);
  *password = sample.text.substr(colon + 1);
  return true;
}

namespace {

bool AuthType(const PreparedUnit&, Sample& sample, EvalContext& context) {
  std::string_view scheme, token;
  if (!SplitCredentials(Request(context), {}, &scheme, &token)) return false;
  if (base::EqualsIgnoreCase(scheme, "Basic")) return GiveText(sample, "Basic");
  return base::EqualsIgnoreCase(scheme, "Bearer") && GiveText(sample, "Bearer");
}
bool AuthUser(const PreparedUnit&, Sample& sample, EvalContext& context) {
  std::string_view user, password;
  return BasicCredentials(context, &user, &password) && GiveText(sample, user);
}
bool AuthPassword(const PreparedUnit&, Sample& sample, EvalContext& context) {
  std::string_view user, password;
  return BasicCredentials(context, &user, &password) && GiveText(sample, password);
}
bool AuthBearer(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view scheme, token;
  return SplitCredentials(Request(context), unit.arguments.text(0), &scheme, &token) &&
         base::EqualsIgnoreCase(scheme, "Bearer") && GiveText(sample, token);
}

// The rest ----------------------------------------------------------------------------------------

bool GiveVersion(Sample& sample, const proto::Version& version, std::string_view other,
                 Scratch& scratch) {
  if (!other.empty() || version.major > 9 || version.minor > 9) return false;
  char* text = scratch.Take(3);
  if (text == nullptr) return false;
  text[0] = char('0' + version.major);
  text[1] = '.';
  text[2] = char('0' + version.minor);
  return GiveText(sample, {text, 3});
}

bool RequestVersion(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const RequestHead* head = Request(context);
  return head != nullptr &&
         GiveVersion(sample, head->version, head->other_version, context.scratch());
}

bool ResponseVersion(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::ResponseHead* head = Traffic(context).response;
  return head != nullptr &&
         GiveVersion(sample, head->version, head->other_version, context.scratch());
}

bool FirstRequest(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Session* session = Traffic(context).session;
  return session != nullptr && GiveBoolean(sample, session->requests() <= 1);
}

constexpr ArgumentSpec kOptions[] = {{"options", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kUrlParameter[] = {{"name", ArgumentType::kString, kOptional},
                                          {"delim", ArgumentType::kString, kOptional},
                                          {"i", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kBodyParameter[] = {{"name", ArgumentType::kString, kOptional},
                                           {"i", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kHeader[] = {{"header", ArgumentType::kString, kOptional}};

using kind::kBinary;
using kind::kNumber;
using kind::kText;
using needs::kRequestHead;
constexpr Needs kHeadAndSource = needs::kRequestHead | needs::kClient;
constexpr Needs kBody = needs::kRequestHead | needs::kRequestBytes;
using needs::kResponseHead;
constexpr Needs kResponseBody = needs::kResponseHead | needs::kResponseBytes;

constexpr FetchSpec kRequestFetches[] = {
    {"base", kText, {}, kRequestHead, &Base},
    {"base32", kNumber, {}, kRequestHead, &Base32},
    {"base32+src", kBinary, {}, kHeadAndSource, &WithSource<&Base32>},
    {"baseq", kText, {}, kRequestHead, &BaseQuery},
    {"http_auth_bearer", kText, kHeader, kRequestHead, &AuthBearer},
    {"http_auth_pass", kText, {}, kRequestHead, &AuthPassword},
    {"http_auth_type", kText, {}, kRequestHead, &AuthType},
    {"http_auth_user", kText, {}, kRequestHead, &AuthUser},
    {"http_first_req", SampleKind::kBoolean, {}, kRequestHead, &FirstRequest},
    {"method", SampleKind::kMethod, {}, kRequestHead, &Method},
    {"path", kText, {}, kRequestHead, &Path},
    {"pathq", kText, {}, kRequestHead, &PathQuery},
    {"query", kText, kOptions, kRequestHead, &Query, &PrepareQuery},
    {"req.body", kBinary, {}, kBody, &GiveRequestBody},
    {"req.body_len", kNumber, {}, kBody, &RequestBodyLength},
    {"req.body_param", kText, kBodyParameter, kBody, &BodyParameter, &PrepareParameter<1>, kMany},
    {"req.body_size", kNumber, {}, kBody, &RequestBodySize},
    {"req.ver", kText, {}, kRequestHead, &RequestVersion},
    {"req_ver", kText, {}, kRequestHead, &RequestVersion},
    {"res.body", kBinary, {}, kResponseBody, &GiveResponseBody},
    {"res.body_len", kNumber, {}, kResponseBody, &ResponseBodyLength},
    {"res.body_size", kNumber, {}, kResponseBody, &ResponseBodySize},
    {"res.ver", kText, {}, kResponseHead, &ResponseVersion},
    {"resp.ver", kText, {}, kResponseHead, &ResponseVersion},
    {"resp_ver", kText, {}, kResponseHead, &ResponseVersion},
    {"url", kText, {}, kRequestHead, &Url},
    {"url32", kNumber, {}, kRequestHead, &Url32},
    {"url32+src", kBinary, {}, kHeadAndSource, &WithSource<&Url32>},
    {"url_ip", SampleKind::kAddress, {}, kRequestHead, &UrlIp},
    {"url_param", kText, kUrlParameter, kRequestHead, &UrlParameter, &PrepareParameter<2>, kMany},
    {"url_port", kNumber, {}, kRequestHead, &UrlPort},
    {"urlp", kText, kUrlParameter, kRequestHead, &UrlParameter, &PrepareParameter<2>, kMany},
    {"urlp_val", kNumber, kUrlParameter, kRequestHead, &UrlParameterNumber, &PrepareParameter<2>,
     kMany},
};

}  // namespace

std::span<const FetchSpec> RequestFetches() { return kRequestFetches; }

}  // namespace engine
