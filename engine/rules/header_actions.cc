#include <algorithm>
#include <memory>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/mux/http_endpoint.h"
#include "engine/rules/actions.h"
#include "engine/rules/field_rules.h"
#include "engine/rules/replacement.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using proto::Field;
using proto::FieldList;
using proto::FieldName;
using ruleset::kHttpAfter;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;

using ruleset::kHttp;

// A name as it stands in the configuration.
struct Name {
  std::string text;  // lower case, as all names are sent
  FieldName id = FieldName::kOther;

  bool Is(const Field& field) const {
    return id != FieldName::kOther ? field.id() == id : base::EqualsIgnoreCase(field.name(), text);
  }
};

bool TakeName(ActionUse& action, bool removes, Name* name) {
  std::string_view word;
  if (!action.TakeArgument("the name of a field", &word)) return false;
  if (!proto::IsToken(word)) {
    return action.Refuse(InQuotes(word) + " is not the name of a field");
  }
  name->text = base::Lower(word);
  name->id = proto::FindFieldName(name->text);
  if (IsOurs(name->id, removes)) {
    action.use.diagnostics.Warning(action.use.line.At(action.use.first_argument + action.next - 1),
                                   "'" + action.use.keyword->words + "': field " + InQuotes(word) +
                                       " cannot be changed by rules, and stays as it is");
  }
  return true;
}

class SetHeader final : public RuleAction {
 public:
  SetHeader(Name name, RuleText value, bool adds)
      : name_(std::move(name)), value_(std::move(value)), adds_(adds) {}

  Verdict Run(RuleContext& context) const override {
    FieldList* fields = context.fields();
    if (fields == nullptr || IsOurs(name_.id, false)) return Verdict::kContinue;
    std::string_view value;
    if (!value_.Write(context, &value)) return context.Failed();
    if (!context.HasRoom(name_.text.size() + value.size())) return context.Failed();
    // It may view what is removed next.
    if (!value_.is_constant()) value = fields->arena().Copy(value);
    const bool sets = !adds_ || name_.id == FieldName::kHost;
    if (sets) Remove(*fields);
    if (!fields->Add(name_.id, name_.text, value)) return context.Failed();
    FollowHost(context, name_.id);
    return Verdict::kContinue;
  }

 private:
  void Remove(FieldList& fields) const {
    if (name_.id != FieldName::kOther) {
      fields.RemoveAll(name_.id);
    } else {
      fields.RemoveAll(std::string_view(name_.text));
    }
  }

  const Name name_;
  const RuleText value_;
  const bool adds_;
};

// Of the interim answer that leaves before any other.
class EarlyHint final : public RuleAction {
 public:
  EarlyHint(Name name, RuleText value) : name_(std::move(name)), value_(std::move(value)) {}
  Verdict Run(RuleContext& context) const override {
    FrontEndpoint* front = context.stream->front();
    std::string_view value;
    if (front == nullptr || IsOurs(name_.id, false)) return Verdict::kContinue;
    if (!value_.Write(context, &value)) return context.Failed();
    const bool fits = context.stream->http_flow().AddHint(*front, name_.text, value);
    return fits ? Verdict::kContinue : context.Failed();
  }

 private:
  const Name name_;
  const RuleText value_;
};

std::unique_ptr<const RuleAction> MakeEarlyHint(ActionUse& action) {
  Name name;
  RuleText value;
  if (!TakeName(action, false, &name) || !action.TakeText("a value", TextUse::kMessage, &value))
    return nullptr;
  return std::make_unique<EarlyHint>(std::move(name), std::move(value));
}

enum class NameMatch : uint8_t { kStr, kBeg, kEnd, kSub, kReg };

class DelHeader final : public RuleAction {
 public:
  DelHeader(Name name, NameMatch match, std::shared_ptr<const Regex> regex)
      : name_(std::move(name)), match_(match), regex_(std::move(regex)) {}

  Verdict Run(RuleContext& context) const override {
    FieldList* fields = context.fields();
    if (fields == nullptr) return Verdict::kContinue;
    fields->RemoveIf(
        [this](const Field& field) { return !IsOurs(field.id(), true) && Matches(field); });
    return Verdict::kContinue;
  }

 private:
  bool Matches(const Field& field) const {
    const std::string_view name = field.name();
    const std::string_view part = name_.text;
    switch (match_) {
      case NameMatch::kStr:
        return name_.Is(field);
      case NameMatch::kBeg:
        return base::StartsWithIgnoreCase(name, part);
      case NameMatch::kEnd:
        return name.size() >= part.size() &&
               base::EqualsIgnoreCase(name.substr(name.size() - part.size()), part);
      case NameMatch::kSub:
        for (size_t at = 0; at + part.size() <= name.size(); ++at) {
          if (base::EqualsIgnoreCase(name.substr(at, part.size()), part)) return true;
        }
        return false;
      case NameMatch::kReg:
        return regex_->Matches(name);
    }
    return false;
  }

  const Name name_;
  const NameMatch match_;
  const std::shared_ptr<const Regex> regex_;
};

// replace-header: the whole value. replace-value: each of the values between commas.
class ReplaceHeader final : public RuleAction {
 public:
  ReplaceHeader(Name name, Replacement replacement, bool each)
      : name_(std::move(name)), replacement_(std::move(replacement)), each_(each) {}

  Verdict Run(RuleContext& context) const override {
    FieldList* fields = context.fields();
    if (fields == nullptr || IsOurs(name_.id, false)) return Verdict::kContinue;
    for (uint32_t i = 0; i < fields->size(); ++i) {
      if (!name_.Is((*fields)[i])) continue;
      const std::string_view old = (*fields)[i].value();
      char* const mark = context.scratch().Take(0);
      std::string_view value;
      bool changed = false;
      const bool fits = each_ ? ReplaceEach(context, old, &value, &changed)
                              : replacement_.Replace(context, old, &value, &changed);
      const bool has_room =
          value.size() <= old.size() || context.HasRoom(value.size() - old.size());
      if (fits && changed && has_room) fields->SetValue(i, fields->arena().Copy(value));
      context.scratch().Shrink(mark, 0);
      if (!fits || (changed && !has_room)) return context.Failed();
    }
    FollowHost(context, name_.id);
    return Verdict::kContinue;
  }

 private:
  // Commas between quotes separate nothing (RFC 9110 section 5.6.1).
  bool ReplaceEach(RuleContext& context, std::string_view old, std::string_view* value,
                   bool* changed) const {
    std::string_view made;
    while (true) {
      size_t end = 0;
      for (bool quoted = false; end < old.size() && (quoted || old[end] != ','); ++end) {
        if (quoted && old[end] == '\\' && end + 1 < old.size()) {
          ++end;
        } else if (old[end] == '"') {
          quoted = !quoted;
        }
      }
      const std::string_view piece = old.substr(0, end);
      const std::string_view item = base::Trim(piece);
      std::string_view replaced;
      bool did = false;
      if (!replacement_.Replace(context, item, &replaced, &did)) return false;
      const size_t before = size_t(item.data() - piece.data());
      const std::string_view front = piece.substr(0, item.empty() ? piece.size() : before);
      const std::string_view back =
          item.empty() ? std::string_view() : piece.substr(before + item.size());
      const bool is_last = end == old.size();
      if (!Append(context, &made, front) || !Append(context, &made, did ? replaced : item) ||
          !Append(context, &made, back) || (!is_last && !Append(context, &made, ","))) {
        return false;
      }
      *changed = *changed || did;
      if (is_last) break;
      old.remove_prefix(end + 1);
    }
    *value = made;
    return true;
  }
  static bool Append(RuleContext& context, std::string_view* made, std::string_view more) {
    char* to = context.scratch().Take(made->size() + more.size());
    if (to == nullptr) return false;
    std::copy(made->begin(), made->end(), to);
    std::copy(more.begin(), more.end(), to + made->size());
    *made = {to, made->size() + more.size()};
    return true;
  }

  const Name name_;
  const Replacement replacement_;
  const bool each_;
};

template <bool kAdds>
std::unique_ptr<const RuleAction> MakeSetHeader(ActionUse& action) {
  Name name;
  RuleText value;
  if (!TakeName(action, false, &name) || !action.TakeText("a value", TextUse::kMessage, &value))
    return nullptr;
  return std::make_unique<SetHeader>(std::move(name), std::move(value), kAdds);
}

std::unique_ptr<const RuleAction> MakeDelHeader(ActionUse& action) {
  Name name;
  NameMatch match = NameMatch::kStr;
  std::string_view word;
  if (!action.TakeArgument("the name of a field", &word)) return nullptr;
  const std::string_view written = word;
  if (action.TakeWord("-m")) {
    if (!action.TakeArgument("a matching method", &word)) return nullptr;
    const Parsed<size_t> index = ParseOneOf(word, {"str", "beg", "end", "sub", "reg"});
    if (!index) {
      action.Refuse(index.error);
      return nullptr;
    }
    match = NameMatch(index.value);
  }
  std::shared_ptr<const Regex> regex;
  if (match == NameMatch::kReg) {
    std::string error;
    regex = Regex::Compile(written, true, &error);
    if (regex == nullptr) {
      action.Refuse("regular expression " + InQuotes(written) + ": " + error);
      return nullptr;
    }
  } else if (!proto::IsToken(written)) {
    action.Refuse(InQuotes(written) + " is not the name of a field");
    return nullptr;
  }
  name.text = base::Lower(written);
  name.id = proto::FindFieldName(name.text);
  if (match == NameMatch::kStr && IsOurs(name.id, true)) {
    action.use.diagnostics.Warning(action.use.line.At(action.use.first_argument),
                                   "'" + action.use.keyword->words + "': field " +
                                       InQuotes(written) +
                                       " cannot be changed by rules, and stays as it is");
  }
  return std::make_unique<DelHeader>(std::move(name), match, std::move(regex));
}

template <bool kEach>
std::unique_ptr<const RuleAction> MakeReplaceHeader(ActionUse& action) {
  Name name;
  Replacement replacement;
  if (!TakeName(action, false, &name) || !replacement.Take(action)) return nullptr;
  return std::make_unique<ReplaceHeader>(std::move(name), std::move(replacement), kEach);
}

constexpr ActionSpec kHeaderActions[] = {
    {"add-header", kHttp, &MakeSetHeader<true>},
    {"del-header", kHttp, &MakeDelHeader},
    {"early-hint", kHttpRequest, &MakeEarlyHint},
    {"replace-header", kHttp, &MakeReplaceHeader<false>},
    {"replace-value", kHttp, &MakeReplaceHeader<true>},
    {"set-header", kHttp, &MakeSetHeader<false>},
};

}  // namespace

void FollowHost(RuleContext& context, FieldName id) {
  if (id != FieldName::kHost || context.in_response || context.request == nullptr) return;
  proto::RequestHead& head = *context.request;
  if (head.authority.empty() || head.method == proto::Method::kConnect) return;
  head.authority = head.fields.ValueOf(FieldName::kHost);
}

std::span<const ActionSpec> HeaderActions() { return kHeaderActions; }

}  // namespace engine
