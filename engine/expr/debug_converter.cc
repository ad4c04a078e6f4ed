// debug: a look at what passes through an expression (manual 7.3.1).
#include "engine/expr/converters.h"
#include "engine/log/log_line.h"

namespace engine {
namespace {

// "[debug] ", the type, the brackets, and the longest of numbers and addresses.
constexpr size_t kAroundBytes = 128;

// One line, whatever a peer has sent.
void WritePrintable(std::string_view text, LogLine& line) {
  for (const char c : text) line.Char(c >= ' ' && c <= '~' ? c : '.');
}

bool Debug(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const std::string_view prefix = unit.arguments.text(0);
  const size_t bytes = kAroundBytes + prefix.size() + sample.text.size();
  char* const text = context.scratch().Take(bytes);
  if (text == nullptr) return true;  // the expression goes on without it
  LogLine line(text, bytes);
  line.Text("[debug] ").Text(prefix).Text(": type=").Text(sample.type_name()).Text(" <");
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger:
      line.Signed(sample.number);
      break;
    case SampleType::kAddress:
      line.Ip(sample.address);
      break;
    case SampleType::kString:
    case SampleType::kBinary:
    case SampleType::kMethod:
      WritePrintable(sample.text, line);
      break;
  }
  line.Char('>');
  context.Note(unit.arguments.text(1, kDebugSink), line.view());
  context.scratch().Shrink(text, 0);
  return true;
}

constexpr ArgumentSpec kSpec[] = {{"prefix", ArgumentType::kString, kOptional},
                                  {"destination", ArgumentType::kSink, kOptional}};
constexpr ConverterSpec kConverters[] = {
    {"debug", SampleKind::kAny, SampleKind::kSame, kSpec, &Debug},
};

}  // namespace

std::span<const ConverterSpec> DebugConverters() { return kConverters; }

}  // namespace engine
