#include <cstring>

#include "base/text.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "proto/http/chars.h"
#include "proto/http/cookie.h"

namespace engine {
namespace {

using proto::Field;
using proto::FieldList;

// The fields of a head; null: it is not at hand.
template <Side kSide>
const FieldList* Fields(EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  const bool response = kSide == Side::kResponse || (kSide == Side::kEither && traffic.in_response);
  if (response) return traffic.response == nullptr ? nullptr : &traffic.response->fields;
  return traffic.request == nullptr ? nullptr : &traffic.request->fields;
}

// Values of header fields -------------------------------------------------------------------------

// Goes through the values of the fields of one name, or of all where `name` is empty.
class ValueReader {
 public:
  // `whole`: a field has one value; else its commas separate several (RFC 9110 section 5.6.1).
  ValueReader(const FieldList& fields, std::string_view name, bool whole)
      : fields_(fields), name_(name), whole_(whole) {}

  bool Next(std::string_view* value) {
    for (;;) {
      if (!whole_ && field_ != nullptr && proto::NextListItem(&rest_, value)) return true;
      if (!NextField()) return false;
      if (whole_) {
        *value = field_->value();
        return true;
      }
      rest_ = field_->value();
      if (rest_.empty()) {  // an empty field is one empty value
        *value = rest_;
        rest_ = {};
        return true;
      }
    }
  }

 private:
  bool NextField() {
    if (name_.empty()) {
      field_ = field_ == nullptr ? fields_.begin() : field_ + 1;
      return field_ != fields_.end();
    }
    if (over_) return false;
    field_ = field_ == nullptr ? fields_.Find(name_) : fields_.FindNext(field_);
    over_ = field_ == nullptr;
    return !over_;
  }

  const FieldList& fields_;
  const std::string_view name_;
  const bool whole_;
  bool over_ = false;
  const Field* field_ = nullptr;
  std::string_view rest_;
};

// The value that `occurrence` names: N from the first, -N from the last. False: there are not so
// many.
bool FindOccurrence(const FieldList& fields, std::string_view name, bool whole, int64_t occurrence,
                    std::string_view* found) {
  int64_t index = occurrence;
  if (occurrence < 0) {
    int64_t count = 0;
    ValueReader counter(fields, name, whole);
    for (std::string_view value; counter.Next(&value);) ++count;
    index = count + 1 + occurrence;
  }
  if (index <= 0) return false;
  ValueReader reader(fields, name, whole);
  while (index-- > 0) {
    if (!reader.Next(found)) return false;
  }
  return true;
}

template <Side kSide, bool kWhole>
bool FindValue(const PreparedUnit& unit, EvalContext& context, std::string_view* value) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  // A condition goes through all values, unless one is asked for.
  const bool all = context.occurrence() > 0 && unit.number == 0;
  const int64_t wanted = all ? context.occurrence() : unit.number == 0 ? -1 : unit.number;
  if (context.occurrence() > 1 && !all) return false;
  return FindOccurrence(*fields, unit.arguments.text(0), kWhole, wanted, value);
}

template <Side kSide, bool kWhole>
bool Header(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindValue<kSide, kWhole>(unit, context, &value) && GiveText(sample, value);
}

template <Side kSide>
bool HeaderIp(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  if (!FindValue<kSide, false>(unit, context, &value)) return false;
  std::string_view text = proto::TrimBlanks(value);
  shard::Address address = shard::Address::FromText(text);
  if (address.family == AF_UNSPEC) {
    // An IPv4 address may have a port behind it; an IPv6 one may stand between brackets.
    if (text.starts_with('[')) {
      const size_t close = text.find(']');
      if (close == text.npos) return false;
      address = shard::Address::FromText(text.substr(1, close - 1));
      if (address.family != AF_INET6) return false;
      text.remove_prefix(close + 1);
    } else {
      const size_t length = ReadIpv4(text, &address);
      if (length == 0) return false;
      text.remove_prefix(length);
    }
    const auto port = text.empty() ? std::optional<int64_t>(0) : base::ParseSigned(text.substr(1));
    if (!text.empty() && (text[0] != ':' || !port || *port < 0 || *port > 65535)) return false;
  }
  sample = Sample::Address(address);
  return true;
}

template <Side kSide>
bool HeaderNumber(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindValue<kSide, false>(unit, context, &value) &&
         GiveNumber(sample, base::LeadingNumber(value));
}

template <Side kSide, bool kWhole>
bool HeaderCount(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  int64_t count = 0;
  ValueReader reader(*fields, unit.arguments.text(0), kWhole);
  for (std::string_view value; reader.Next(&value);) ++count;
  return GiveNumber(sample, count);
}

// Names, and all of it ----------------------------------------------------------------------------

// A text of pieces in the scratch. Fails as a whole where there is no room.
class Builder {
 public:
  explicit Builder(Scratch& scratch)
      : scratch_(scratch), bytes_max_(scratch.left()), begin_(scratch.Take(bytes_max_)) {}
  void Add(std::string_view text) {
    if (bytes_max_ - used_ < text.size()) {
      full_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(begin_ + used_, text.data(), text.size());
    used_ += text.size();
  }
  // A field's name, as all names are sent on: however the peer wrote it, a rule that looks for it
  // finds it.
  void AddName(std::string_view name) {
    const size_t start = used_;
    Add(name);
    for (size_t i = start; i < used_; ++i) begin_[i] = base::ToLower(begin_[i]);
  }
  // Must be called, once.
  bool Finish(std::string_view* text) {
    scratch_.Shrink(begin_, full_ ? 0 : used_);
    *text = {begin_, used_};
    return !full_;
  }

 private:
  Scratch& scratch_;
  const size_t bytes_max_;
  char* const begin_;
  size_t used_ = 0;
  bool full_ = false;
};

std::string_view Delimiter(const PreparedUnit& unit) {
  return unit.arguments.text(0, ",").substr(0, 1);
}

template <Side kSide>
bool HeaderNames(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  Builder builder(context.scratch());
  for (const Field& field : *fields) {
    if (&field != fields->begin()) builder.Add(Delimiter(unit));
    builder.AddName(field.name());
  }
  std::string_view text;
  return builder.Finish(&text) && GiveText(sample, text);
}

template <Side kSide>
bool AllHeaders(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  Builder builder(context.scratch());
  for (const Field& field : *fields) {
    builder.AddName(field.name());
    builder.Add(": ");
    builder.Add(field.value());
    builder.Add("\r\n");
  }
  builder.Add("\r\n");
  std::string_view text;
  return builder.Finish(&text) && GiveText(sample, text);
}

// The variable integers of SPOE: up to 239 in one byte; then the low four bits, and seven bits in
// each byte that follows, lowest first.
void AddCount(Builder& builder, uint64_t count) {
  char bytes[10];
  size_t used = 0;
  if (count < 240) {
    bytes[used++] = char(count);
  } else {
    bytes[used++] = char(uint8_t(count) | 240);
    for (count = (count - 240) >> 4; count >= 128; count = (count - 128) >> 7) {
      bytes[used++] = char(uint8_t(count) | 128);
    }
    bytes[used++] = char(count);
  }
  builder.Add({bytes, used});
}

template <Side kSide>
bool AllHeadersBinary(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  Builder builder(context.scratch());
  for (const Field& field : *fields) {
    AddCount(builder, field.name().size());
    builder.AddName(field.name());
    AddCount(builder, field.value().size());
    builder.Add(field.value());
  }
  AddCount(builder, 0);
  AddCount(builder, 0);
  std::string_view bytes;
  return builder.Finish(&bytes) && GiveBytes(sample, bytes);
}

// Cookies -----------------------------------------------------------------------------------------

// The cookies of a request, or those that a response sets.
class AnyCookieReader {
 public:
  AnyCookieReader(const FieldList& fields, bool response)
      : fields_(fields), response_(response), request_reader_(fields) {}
  bool Next(std::string_view* name, std::string_view* value) {
    if (!response_) {
      while (request_reader_.Next()) {
        if (!request_reader_.has_value()) continue;
        *name = request_reader_.name();
        *value = request_reader_.value();
        return true;
      }
      return false;
    }
    while (!over_) {
      field_ =
          field_ == nullptr ? fields_.Find(proto::FieldName::kSetCookie) : fields_.FindNext(field_);
      over_ = field_ == nullptr;
      if (over_) return false;
      const proto::SetCookie cookie = proto::ParseSetCookie(field_->value());
      if (!cookie.has_value()) continue;
      *name = cookie.name;
      *value = cookie.value;
      return true;
    }
    return false;
  }

 private:
  const FieldList& fields_;
  const bool response_;
  proto::CookieReader request_reader_;
  const Field* field_ = nullptr;
  bool over_ = false;
};

template <Side kSide>
bool IsResponse(EvalContext& context) {
  return kSide == Side::kResponse || (kSide == Side::kEither && Traffic(context).in_response);
}

// The last one of the name, or the first of all where none is given; a condition sees each.
template <Side kSide>
bool FindCookieValue(const PreparedUnit& unit, EvalContext& context, std::string_view* found) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  const std::string_view wanted = unit.arguments.text(0);
  AnyCookieReader reader(*fields, IsResponse<kSide>(context));
  uint32_t count = 0;
  std::string_view name, value;
  while (reader.Next(&name, &value)) {
    if (!wanted.empty() && name != wanted) continue;
    *found = value;
    ++count;
    if (context.occurrence() > 0 ? count == context.occurrence() : wanted.empty()) return true;
  }
  return context.occurrence() == 0 && count > 0;
}

template <Side kSide>
bool Cookie(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindCookieValue<kSide>(unit, context, &value) && GiveText(sample, value);
}

template <Side kSide>
bool CookieNumber(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return FindCookieValue<kSide>(unit, context, &value) &&
         GiveNumber(sample, base::LeadingNumber(value));
}

template <Side kSide>
bool CookieCount(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  const std::string_view wanted = unit.arguments.text(0);
  AnyCookieReader reader(*fields, IsResponse<kSide>(context));
  int64_t count = 0;
  std::string_view name, value;
  while (reader.Next(&name, &value)) count += wanted.empty() || name == wanted ? 1 : 0;
  return GiveNumber(sample, count);
}

template <Side kSide>
bool CookieNames(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const FieldList* fields = Fields<kSide>(context);
  if (fields == nullptr) return false;
  AnyCookieReader reader(*fields, IsResponse<kSide>(context));
  Builder builder(context.scratch());
  std::string_view name, value;
  for (bool first = true; reader.Next(&name, &value); first = false) {
    if (!first) builder.Add(Delimiter(unit));
    builder.Add(name);
  }
  std::string_view text;
  return builder.Finish(&text) && GiveText(sample, text);
}

// The table ---------------------------------------------------------------------------------------

// The occurrence; 0: the last one, or all in a condition.
bool PrepareOccurrence(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.number(1, 0);
  if (unit.arguments.has(1) && unit.number == 0) {
    *why = "an occurrence counts from 1, or from -1 for the last";
    return false;
  }
  return true;
}

constexpr ArgumentSpec kNameOccurrence[] = {{"name", ArgumentType::kString, kOptional},
                                            {"occ", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kFieldName[] = {{"name", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kDelimiter[] = {{"delim", ArgumentType::kString, kOptional}};

using kind::kNumber;
using kind::kText;
using needs::kRequestHead;
using needs::kResponseHead;

constexpr FetchSpec kHeaderFetches[] = {
    {"cook", kText, kFieldName, kRequestHead, &Cookie<Side::kEither>, nullptr, kMany},
    {"cook_cnt", kNumber, kFieldName, kRequestHead, &CookieCount<Side::kEither>},
    {"cook_val", kNumber, kFieldName, kRequestHead, &CookieNumber<Side::kEither>, nullptr, kMany},
    {"cookie", kText, kFieldName, kRequestHead, &Cookie<Side::kEither>, nullptr, kMany},
    {"hdr", kText, kNameOccurrence, kRequestHead, &Header<Side::kEither, false>, &PrepareOccurrence,
     kMany},
    {"hdr_cnt", kNumber, kFieldName, kRequestHead, &HeaderCount<Side::kEither, false>},
    {"hdr_ip", SampleKind::kAddress, kNameOccurrence, kRequestHead, &HeaderIp<Side::kEither>,
     &PrepareOccurrence, kMany},
    {"hdr_val", kNumber, kNameOccurrence, kRequestHead, &HeaderNumber<Side::kEither>,
     &PrepareOccurrence, kMany},
    {"req.cook", kText, kFieldName, kRequestHead, &Cookie<Side::kRequest>, nullptr, kMany},
    {"req.cook_cnt", kNumber, kFieldName, kRequestHead, &CookieCount<Side::kRequest>},
    {"req.cook_names", kText, kDelimiter, kRequestHead, &CookieNames<Side::kRequest>},
    {"req.cook_val", kNumber, kFieldName, kRequestHead, &CookieNumber<Side::kRequest>, nullptr,
     kMany},
    {"req.fhdr", kText, kNameOccurrence, kRequestHead, &Header<Side::kRequest, true>,
     &PrepareOccurrence, kMany},
    {"req.fhdr_cnt", kNumber, kFieldName, kRequestHead, &HeaderCount<Side::kRequest, true>},
    {"req.hdr", kText, kNameOccurrence, kRequestHead, &Header<Side::kRequest, false>,
     &PrepareOccurrence, kMany},
    {"req.hdr_cnt", kNumber, kFieldName, kRequestHead, &HeaderCount<Side::kRequest, false>},
    {"req.hdr_ip", SampleKind::kAddress, kNameOccurrence, kRequestHead, &HeaderIp<Side::kRequest>,
     &PrepareOccurrence, kMany},
    {"req.hdr_names", kText, kDelimiter, kRequestHead, &HeaderNames<Side::kRequest>},
    {"req.hdr_val", kNumber, kNameOccurrence, kRequestHead, &HeaderNumber<Side::kRequest>,
     &PrepareOccurrence, kMany},
    {"req.hdrs", kText, {}, kRequestHead, &AllHeaders<Side::kRequest>},
    {"req.hdrs_bin", SampleKind::kBinary, {}, kRequestHead, &AllHeadersBinary<Side::kRequest>},
    {"res.cook", kText, kFieldName, kResponseHead, &Cookie<Side::kResponse>, nullptr, kMany},
    {"res.cook_cnt", kNumber, kFieldName, kResponseHead, &CookieCount<Side::kResponse>},
    {"res.cook_names", kText, kDelimiter, kResponseHead, &CookieNames<Side::kResponse>},
    {"res.cook_val", kNumber, kFieldName, kResponseHead, &CookieNumber<Side::kResponse>, nullptr,
     kMany},
    {"res.fhdr", kText, kNameOccurrence, kResponseHead, &Header<Side::kResponse, true>,
     &PrepareOccurrence, kMany},
    {"res.fhdr_cnt", kNumber, kFieldName, kResponseHead, &HeaderCount<Side::kResponse, true>},
    {"res.hdr", kText, kNameOccurrence, kResponseHead, &Header<Side::kResponse, false>,
     &PrepareOccurrence, kMany},
    {"res.hdr_cnt", kNumber, kFieldName, kResponseHead, &HeaderCount<Side::kResponse, false>},
    {"res.hdr_ip", SampleKind::kAddress, kNameOccurrence, kResponseHead, &HeaderIp<Side::kResponse>,
     &PrepareOccurrence, kMany},
    {"res.hdr_names", kText, kDelimiter, kResponseHead, &HeaderNames<Side::kResponse>},
    {"res.hdr_val", kNumber, kNameOccurrence, kResponseHead, &HeaderNumber<Side::kResponse>,
     &PrepareOccurrence, kMany},
    {"res.hdrs", kText, {}, kResponseHead, &AllHeaders<Side::kResponse>},
    {"res.hdrs_bin", SampleKind::kBinary, {}, kResponseHead, &AllHeadersBinary<Side::kResponse>},
    {"res.scook", kText, kFieldName, kResponseHead, &Cookie<Side::kResponse>, nullptr, kMany},
    {"scook", kText, kFieldName, kResponseHead, &Cookie<Side::kResponse>, nullptr, kMany},
    {"scook_cnt", kNumber, kFieldName, kResponseHead, &CookieCount<Side::kResponse>},
    {"scook_val", kNumber, kFieldName, kResponseHead, &CookieNumber<Side::kResponse>, nullptr,
     kMany},
    {"set-cookie", kText, kFieldName, kResponseHead, &Cookie<Side::kResponse>, nullptr, kMany},
    {"shdr", kText, kNameOccurrence, kResponseHead, &Header<Side::kResponse, false>,
     &PrepareOccurrence, kMany},
    {"shdr_cnt", kNumber, kFieldName, kResponseHead, &HeaderCount<Side::kResponse, false>},
    {"shdr_ip", SampleKind::kAddress, kNameOccurrence, kResponseHead, &HeaderIp<Side::kResponse>,
     &PrepareOccurrence, kMany},
    {"shdr_val", kNumber, kNameOccurrence, kResponseHead, &HeaderNumber<Side::kResponse>,
     &PrepareOccurrence, kMany},
};

}  // namespace

std::span<const FetchSpec> HeaderFetches() { return kHeaderFetches; }

}  // namespace engine
