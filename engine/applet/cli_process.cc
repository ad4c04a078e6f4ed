#include "engine/applet/cli.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/applet/process_info.h"
#include "engine/applet/typed_field.h"
#include "engine/config/environment.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

enum class InfoFormat : uint8_t { kPlain, kTyped, kJson };

class ShowInfo final : public AskShards<CollectFacts> {
 public:
  ShowInfo(Cli& cli, InfoFormat format, bool with_purpose)
      : AskShards(cli), format_(format), with_purpose_(with_purpose) {}

 private:
  std::unique_ptr<CollectFacts> Make() override {
    auto question = std::make_unique<CollectFacts>();
    question->facts = facts_;
    return question;
  }
  bool Take(Cli&, CollectFacts& answered) override {
    facts_ = answered.facts;
    return false;
  }
  CliStep Finish(Cli& cli) override;

  const InfoFormat format_;
  const bool with_purpose_;
  ShardFacts facts_;
};

CliStep ShowInfo::Finish(Cli& cli) {
  std::string text;
  for (const InfoField& field : InfoFields(cli.worker(), facts_)) {
    switch (format_) {
      case InfoFormat::kJson:
        text += text.empty() ? '[' : ',';
        text += JsonField({}, field.typed());
        break;
      case InfoFormat::kTyped:
        text += TypedLine({}, field.typed(), with_purpose_);
        break;
      case InfoFormat::kPlain:
        text += std::string(field.name) + ": " + field.value;
        if (with_purpose_) text += std::string(":\"") + field.purpose + "\"";
        text += '\n';
        break;
    }
  }
  cli.SayLine(format_ == InfoFormat::kJson ? text + ']' : text);
  return CliStep::kDone;
}

}  // namespace

std::unique_ptr<CliCommand> StartShowVersion(Cli& cli, const CliCall&) {
  cli.SayLine(cli.worker().process().version);
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowInfo(Cli& cli, const CliCall& call) {
  InfoFormat format = InfoFormat::kPlain;
  bool with_purpose = false;
  for (size_t i = 0; i < call.arguments(); ++i) {
    const std::string_view word = call.argument(i);
    if (word == "typed" || word == "json") {
      format = word == "typed" ? InfoFormat::kTyped : InfoFormat::kJson;
    } else if (word == "desc") {
      with_purpose = true;
    } else if (word != "float") {  // no field is a fraction
      cli.SayLine("'show info' knows 'typed', 'json', 'desc' and 'float', not '" +
                  std::string(word) + "'.");
      return nullptr;
    }
  }
  return std::make_unique<ShowInfo>(cli, format, with_purpose);
}

std::unique_ptr<CliCommand> StartShowSchemaJson(Cli& cli, const CliCall&) {
  cli.SayLine(JsonSchema());
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowEnv(Cli& cli, const CliCall& call) {
  const auto& environment = cli.worker().configuration().environment;
  if (environment == nullptr) return nullptr;
  cli.Say(environment->Shown(call.arguments() > 0 ? call.argument(0) : std::string_view()));
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowCliSockets(Cli& cli, const CliCall&) {
  cli.SayLine("# socket lvl processes");
  for (const auto& proxy : cli.worker().configuration().proxies) {
    if (!proxy->is_internal) continue;
    for (const auto& bind : proxy->binds) {
      const char* level = bind->level == CliLevel::kAdmin      ? "admin"
                          : bind->level == CliLevel::kOperator ? "operator"
                                                               : "user";
      for (const BindAddress& one : bind->addresses) {
        if (one.inherited_fd >= 0) continue;  // listed by address, and this has none
        cli.SayLine(one.Name() + " " + level + " all");
      }
    }
  }
  return nullptr;
}

}  // namespace engine
