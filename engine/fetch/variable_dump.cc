// All variables of a scope in one text (manual 7.3.2, dump_all_vars).

#include <cstring>
#include <iterator>

#include "engine/config/diagnostics.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

struct Scope {
  std::string_view name;
  VariableScope scope;
};
// In the order in which they are shown.
constexpr Scope kScopes[] = {{"sess", VariableScope::kSession},
                             {"txn", VariableScope::kTransaction},
                             {"req", VariableScope::kRequest},
                             {"res", VariableScope::kResponse},
                             {"proc", VariableScope::kProcess}};

// In the half of the scratch that values are not copied to. What does not fit gives nothing.
class Dump {
 public:
  Dump(const PreparedUnit& unit, Scratch& scratch)
      : prefix_(unit.arguments.text(1)),
        delimiter_(unit.arguments.text(2)),
        room_(scratch.left() / 2),
        begin_(scratch.Take(room_)) {
    if (delimiter_.empty()) delimiter_ = ", ";
  }
  void Add(const Scope& scope, std::string_view name, const Sample& value, Scratch& scratch) {
    if (!name.starts_with(prefix_)) return;
    if (used_ != 0) Write(delimiter_);
    Write(scope.name);
    Write(".");
    Write(name);
    Write("=");
    AddValue(value, scratch);
  }
  bool Finish(Sample& sample, Scratch& scratch) {
    scratch.Shrink(begin_, full_ ? 0 : used_);
    return !full_ && GiveText(sample, {begin_, used_});
  }

 private:
  void Write(std::string_view text) {
    full_ = full_ || room_ - used_ < text.size();
    if (full_ || text.empty()) return;
    std::memcpy(begin_ + used_, text.data(), text.size());
    used_ += text.size();
  }
  void WriteQuoted(std::string_view text) {
    static constexpr std::string_view kBytes("\"\\\r\n\b\0", 6);
    static constexpr std::string_view kLetters = "\"\\rnb0";
    Write("\"");
    for (size_t i = 0; i < text.size() && !full_; ++i) {
      const size_t special = kBytes.find(text[i]);
      if (special == kBytes.npos) {
        Write(text.substr(i, 1));
      } else {
        Write("\\");
        Write(kLetters.substr(special, 1));
      }
    }
    Write("\"");
  }
  void WriteDigits(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    Write("x");
    for (size_t i = 0; i < bytes.size() && !full_; ++i) {
      Write(kDigits.substr(uint8_t(bytes[i]) >> 4, 1));
      Write(kDigits.substr(uint8_t(bytes[i]) & 15, 1));
    }
  }
  void AddValue(const Sample& value, Scratch& scratch) {
    switch (value.type) {
      case SampleType::kString:
      case SampleType::kMethod:
        return WriteQuoted(value.text);
      case SampleType::kBinary:
        return WriteDigits(value.text);
      case SampleType::kBoolean:
        return Write(value.number != 0 ? "true" : "false");
      case SampleType::kInteger:
      case SampleType::kAddress:
        break;
    }
    char* const mark = scratch.Take(0);
    Sample text = value;
    full_ = !Cast(text, SampleKind::kString, scratch) || full_;
    Write(full_ ? std::string_view() : text.text);
    scratch.Shrink(mark, 0);
  }

  const std::string_view prefix_;
  std::string_view delimiter_;
  const size_t room_;
  char* const begin_;
  size_t used_ = 0;
  bool full_ = false;
};

bool DumpAll(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  StreamContext& traffic = Traffic(context);
  Scratch& scratch = context.scratch();
  Dump dump(unit, scratch);
  const std::string_view wanted = unit.arguments.text(0);
  for (const Scope& scope : kScopes) {
    if (!wanted.empty() && wanted != scope.name) continue;
    if (scope.scope == VariableScope::kProcess) {
      if (traffic.worker == nullptr) continue;
      traffic.worker->process().variables.ForEach(
          scratch, [&](const std::string& name, const Sample& value) {
            dump.Add(scope, name, value, scratch);
          });
    } else if (const VariableList* list = traffic.VariablesOf(scope.scope)) {
      list->ForEach([&](const Variable& one) { dump.Add(scope, *one.name, one.value, scratch); });
    }
  }
  return dump.Finish(sample, scratch);
}

bool PrepareDump(PreparedUnit& unit, std::string* why) {
  const std::string_view wanted = unit.arguments.text(0);
  if (wanted.empty()) return true;
  for (const Scope& scope : kScopes) {
    if (wanted == scope.name) return true;
  }
  *why =
      InQuotes(wanted) + " is no scope: one of 'sess', 'txn', 'req', 'res' and 'proc' is expected";
  return false;
}

constexpr ArgumentSpec kDump[] = {{"scope", ArgumentType::kString, kOptional},
                                  {"prefix", ArgumentType::kString, kOptional},
                                  {"delimiter", ArgumentType::kString, kOptional}};
constexpr FetchSpec kDumpFetches[] = {
    {"dump_all_vars", SampleKind::kString, kDump, needs::kServing, &DumpAll, &PrepareDump},
};

}  // namespace

std::span<const FetchSpec> DumpFetches() { return kDumpFetches; }

}  // namespace engine
