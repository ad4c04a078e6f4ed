#include <algorithm>
#include <memory>
#include <string>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/rules/actions.h"
#include "engine/rules/field_rules.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using proto::Field;
using proto::FieldList;
using proto::FieldName;

using ruleset::kHttp;

// Texts behind one another, each with its length before it, as req.hdrs_bin gives them.
class BinaryReader {
 public:
  explicit BinaryReader(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  // False: there is none, or it is cut.
  bool Next(std::string_view* text) {
    uint64_t length = 0;
    if (!NextLength(&length) || length > bytes_.size()) return false;
    *text = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return true;
  }

 private:
  // The variable integers of SPOE: up to 239 in one byte; then the low four bits, and seven bits in
  // each byte that follows, lowest first.
  bool NextLength(uint64_t* length) {
    if (bytes_.empty()) return false;
    uint64_t value = TakeByte();
    if (value >= 240) {
      for (unsigned shift = 4;; shift += 7) {
        // No length of a field needs more.
        if (bytes_.empty() || shift > 32) return false;
        const uint64_t byte = TakeByte();
        value += byte << shift;
        if (byte < 128) break;
      }
    }
    *length = value;
    return true;
  }
  uint8_t TakeByte() {
    const auto byte = uint8_t(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }

  std::string_view bytes_;
};

// add-headers-bin and set-headers-bin. What comes from anywhere must not make another message:
// a name that is none, and a value that cannot be one, are no fields.
class PutHeaders final : public RuleAction {
 public:
  PutHeaders(Expression fields, std::string prefix, bool adds)
      : fields_(std::move(fields)), prefix_(std::move(prefix)), adds_(adds) {}

  Verdict Run(RuleContext& context) const override {
    FieldList* fields = context.fields();
    Sample sample;
    if (fields == nullptr || !fields_.Run(context, sample) ||
        !Cast(sample, SampleKind::kBinary, context.scratch())) {
      return Verdict::kContinue;
    }
    size_t bytes = 0;
    if (!ForEach(sample.text, [&](std::string_view name, std::string_view value) {
          bytes += name.size() + value.size();
          return true;
        })) {
      return context.Failed();
    }
    if (!context.HasRoom(bytes)) return context.Failed();
    // The names and values may view what is removed next.
    const std::string_view copy = fields->arena().Copy(sample.text);
    if (!adds_) {
      (void)ForEach(copy, [&](std::string_view name, std::string_view) {
        fields->RemoveAll(name);
        return true;
      });
    }
    const bool fits = ForEach(copy, [&](std::string_view name, std::string_view value) {
      const FieldName id = proto::FindFieldName(name);
      if (id == FieldName::kHost) fields->RemoveAll(id);
      const bool added = fields->Add(id, name, value);
      if (added) FollowHost(context, id);
      return added;
    });
    return fits ? Verdict::kContinue : context.Failed();
  }

 private:
  // False: the bytes are no fields, or `take` has refused one.
  template <typename Take>
  bool ForEach(std::string_view bytes, const Take& take) const {
    BinaryReader reader(bytes);
    while (!reader.empty()) {
      std::string_view name, value;
      if (!reader.Next(&name) || !reader.Next(&value)) return false;
      if (name.empty()) return value.empty();  // the end
      if (!proto::IsToken(name) || !proto::AllOf(value, proto::kValueClass)) return false;
      if (!base::StartsWithIgnoreCase(name, prefix_)) continue;
      if (IsOurs(proto::FindFieldName(name), false)) continue;
      if (!take(name, value)) return false;
    }
    return true;
  }

  const Expression fields_;
  const std::string prefix_;
  const bool adds_;
};

enum class BinaryNameMatch : uint8_t { kStr, kBeg, kEnd, kSub };

class DropHeaders final : public RuleAction {
 public:
  DropHeaders(Expression names, BinaryNameMatch match) : names_(std::move(names)), match_(match) {}

  Verdict Run(RuleContext& context) const override {
    FieldList* fields = context.fields();
    Sample sample;
    if (fields == nullptr || !names_.Run(context, sample) ||
        !Cast(sample, SampleKind::kBinary, context.scratch())) {
      return Verdict::kContinue;
    }
    const std::string_view copy = fields->arena().Copy(sample.text);
    BinaryReader reader(copy);
    std::string_view name;
    while (reader.Next(&name) && !name.empty()) {
      fields->RemoveIf([&](const Field& field) {
        return !IsOurs(field.id(), true) && Matches(field.name(), name);
      });
    }
    return reader.empty() || name.empty() ? Verdict::kContinue : context.Failed();
  }

 private:
  bool Matches(std::string_view name, std::string_view wanted) const {
    if (name.size() < wanted.size()) return false;
    switch (match_) {
      case BinaryNameMatch::kStr:
        return base::EqualsIgnoreCase(name, wanted);
      case BinaryNameMatch::kBeg:
        return base::StartsWithIgnoreCase(name, wanted);
      case BinaryNameMatch::kEnd:
        return base::EqualsIgnoreCase(name.substr(name.size() - wanted.size()), wanted);
      case BinaryNameMatch::kSub:
        for (size_t at = 0; at + wanted.size() <= name.size(); ++at) {
          if (base::EqualsIgnoreCase(name.substr(at, wanted.size()), wanted)) return true;
        }
        return false;
    }
    return false;
  }

  const Expression names_;
  const BinaryNameMatch match_;
};

bool TakeBinary(ActionUse& action, std::optional<Expression>* expression) {
  if (!action.TakeExpression(expression)) return false;
  return IsCastable((*expression)->gives(), SampleKind::kBinary) ||
         action.Refuse("bytes are expected, as 'req.hdrs_bin' gives them");
}

template <bool kAdds>
std::unique_ptr<const RuleAction> MakePutHeaders(ActionUse& action) {
  std::optional<Expression> fields;
  std::string_view prefix;
  if (!TakeBinary(action, &fields)) return nullptr;
  if (action.TakeWord("prefix") && !action.TakeArgument("the beginning of a name", &prefix)) {
    return nullptr;
  }
  return std::make_unique<PutHeaders>(std::move(*fields), std::string(prefix), kAdds);
}

std::unique_ptr<const RuleAction> MakeDropHeaders(ActionUse& action) {
  std::optional<Expression> names;
  std::string_view word;
  BinaryNameMatch match = BinaryNameMatch::kStr;
  if (!TakeBinary(action, &names)) return nullptr;
  if (action.TakeWord("-m")) {
    if (!action.TakeArgument("a matching method", &word)) return nullptr;
    const Parsed<size_t> index = ParseOneOf(word, {"str", "beg", "end", "sub"});
    if (!index) {
      action.Refuse(index.error);
      return nullptr;
    }
    match = BinaryNameMatch(index.value);
  }
  return std::make_unique<DropHeaders>(std::move(*names), match);
}

constexpr ActionSpec kBinaryHeaderActions[] = {
    {"add-headers-bin", kHttp, &MakePutHeaders<true>},
    {"del-headers-bin", kHttp, &MakeDropHeaders},
    {"set-headers-bin", kHttp, &MakePutHeaders<false>},
};

}  // namespace

std::span<const ActionSpec> BinaryHeaderActions() { return kBinaryHeaderActions; }

}  // namespace engine
