#include <optional>
#include <string>

#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/expr/bare_context.h"
#include "engine/expr/log_format.h"
#include "engine/fetch/units.h"
#include "engine/log/log_line.h"
#include "engine/session/variables.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// Beside the process, its variables are at hand.
class CommandContext final : public BareContext {
 public:
  explicit CommandContext(Worker& worker) : BareContext(worker.scratch()), worker_(worker) {}
  uint64_t Random() override { return worker_.Random(); }
  const Sample* FindVariable(const VariableName& name) override {
    if (name.scope != VariableScope::kProcess) return nullptr;
    return worker_.process().variables.Find(name, scratch(), &found_) ? &found_ : nullptr;
  }

 private:
  Worker& worker_;
  Sample found_;
};

std::string ValueText(const Sample& sample) {
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger:
      return std::to_string(sample.number);
    case SampleType::kAddress: {
      char text[128];
      LogLine line(text, sizeof(text));
      line.Ip(sample.address);
      return std::string(line.view());
    }
    case SampleType::kString:
    case SampleType::kBinary:
    case SampleType::kMethod:
      break;
  }
  std::string text;
  for (const char byte : sample.text) {
    // No answer may hold an empty line, nor drive a terminal.
    text += byte >= ' ' && byte != 127 ? byte : '.';
  }
  return text;
}

bool TakeExpression(Cli& cli, CommandContext& context, std::string_view text, Sample* sample) {
  ExpressionProblem problem;
  const std::optional<Expression> expression =
      Expression::Compile(text, AllUnits(), needs::kNothing, &problem);
  if (!expression) {
    cli.SayError("Failed to parse the expression: " + problem.message + ".");
    return false;
  }
  if (expression->Run(context, *sample)) return true;
  cli.SayError("The expression gives nothing.");
  return false;
}

// `text` is written to `out`, which lasts as long as the sample.
bool TakeFormat(Cli& cli, CommandContext& context, std::string_view text, std::string* out,
                Sample* sample) {
  LogFormat format;
  LogFormatError error;
  if (!format.Compile(text, &AllUnits(), needs::kNothing, &error)) {
    cli.SayError("Failed to parse the format: " + error.message + ".");
    return false;
  }
  format.set_use(LogUse::kText);
  out->resize(ProcessVariables::kTextBytesMax + 1);
  LogLine line(out->data(), out->size());
  (void)context.WriteFormat(format, line);
  sample->SetString(line.view());
  return true;
}

}  // namespace

std::unique_ptr<CliCommand> StartGetVar(Cli& cli, const CliCall& call) {
  std::string why;
  const std::optional<VariableName> name = ParseVariable(call.argument(0), &why);
  CommandContext context(cli.worker());
  const Sample* sample = name ? context.FindVariable(*name) : nullptr;
  if (sample == nullptr) {
    cli.SayError("Variable not found.");
    return nullptr;
  }
  cli.SayLine(std::string(call.argument(0)) + ": type=" + sample->type_name() + " value=<" +
              ValueText(*sample) + ">");
  return nullptr;
}

std::unique_ptr<CliCommand> StartSetVar(Cli& cli, const CliCall& call) {
  if (!cli.experimental()) {
    cli.SayError("This command needs 'experimental-mode on' on this connection.");
    return nullptr;
  }
  const bool has_kind =
      call.arguments() == 3 && (call.argument(1) == "expr" || call.argument(1) == "fmt");
  if (call.arguments() != 2 && !has_kind) {
    cli.SayError(
        "'set var' expects <name> <expression>, <name> expr <expression> or <name> fmt <format>, "
        "with a backslash before each blank in it.");
    return nullptr;
  }
  std::string why;
  const std::optional<VariableName> name = ParseVariable(call.argument(0), &why);
  if (!name || name->scope != VariableScope::kProcess) {
    cli.SayError("Only variables of the process can be set: the name must begin with 'proc.'.");
    return nullptr;
  }
  CommandContext context(cli.worker());
  Sample sample;
  std::string text;
  const std::string_view value = call.argument(call.arguments() - 1);
  const bool made = has_kind && call.argument(1) == "fmt"
                        ? TakeFormat(cli, context, value, &text, &sample)
                        : TakeExpression(cli, context, value, &sample);
  if (!made) return nullptr;
  if (sample.text.size() > ProcessVariables::kTextBytesMax) {
    cli.SayError("The value is too long: a variable of the process holds " +
                 std::to_string(ProcessVariables::kTextBytesMax) + " bytes.");
  } else if (!cli.worker().process().variables.Store(*name, sample)) {
    cli.SayError("There is no room for another variable.");
  }
  return nullptr;
}

}  // namespace engine
