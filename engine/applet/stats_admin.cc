#include "engine/applet/stats_admin.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/applet/cli_commands.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/stats_config.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

struct Action {
  std::string_view name;            // of the form, as programs know it
  std::string_view before, behind;  // of "backend/server" in the command
  std::string_view purpose;
};
constexpr Action kActions[] = {
    {"ready", "set server ", " state ready", "Set state to READY"},
    {"drain", "set server ", " state drain", "Set state to DRAIN"},
    {"maint", "set server ", " state maint", "Set state to MAINT"},
    {"dhlth", "disable health ", "", "Health: disable checks"},
    {"ehlth", "enable health ", "", "Health: enable checks"},
    {"hrunn", "set server ", " health up", "Health: force UP"},
    {"hnolb", "set server ", " health stopping", "Health: force NOLB"},
    {"hdown", "set server ", " health down", "Health: force DOWN"},
    {"dagent", "disable agent ", "", "Agent: disable checks"},
    {"eagent", "enable agent ", "", "Agent: enable checks"},
    {"arunn", "set server ", " agent up", "Agent: force UP"},
    {"adown", "set server ", " agent down", "Agent: force DOWN"},
    {"shutdown", "shutdown sessions server ", "", "Kill sessions"},
};

struct Result {
  std::string_view code, text;
};
constexpr Result kResults[] = {
    {"DONE", "It was done."},
    {"NONE", "Nothing was asked for: choose servers and an action."},
    {"PART", "It was done for some of the servers only."},
    {"ERRP", "Nothing was done: there is no such action, backend or server, or it cannot be done."},
    {"EXCD", "Nothing was done: the form is longer than what may be sent; choose fewer servers."},
    {"DENY", "Nothing was done: that is not allowed here."},
};

bool DecodeForm(std::string_view text, std::string* decoded) {
  decoded->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      *decoded += ' ';
    } else if (text[i] != '%') {
      *decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return false;
      const int high = base::HexDigit(text[i + 1]), low = base::HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      *decoded += char(high * 16 + low);
      i += 2;
    }
  }
  return true;
}

}  // namespace

bool ParseStatsForm(std::string_view body, StatsForm* form) {
  for (const std::string_view one : base::Split(body, '&')) {
    const size_t equals = one.find('=');
    if (equals == one.npos) continue;
    std::string value;
    if (!DecodeForm(one.substr(equals + 1), &value)) return false;
    const std::string_view name = one.substr(0, equals);
    if (name == "s") form->servers.push_back(std::move(value));
    if (name == "action") form->action = std::move(value);
    if (name == "b") form->backend = std::move(value);
  }
  return true;
}

std::string StatsCommand(std::string_view action, std::string_view backend,
                         std::string_view server) {
  for (const Action& one : kActions) {
    if (one.name != action) continue;
    return std::string(one.before) + std::string(backend) + '/' + std::string(server) +
           std::string(one.behind);
  }
  return {};
}

std::string_view StatsResultText(std::string_view code) {
  for (const Result& one : kResults) {
    if (one.code == code) return one.text;
  }
  return "What became of it is not known.";
}

std::string StatsActionChoice() {
  std::string html =
      "<p><select name=\"action\" aria-label=\"action\"><option value=\"\"></option>";
  for (const Action& one : kActions) {
    html +=
        "<option value=\"" + std::string(one.name) + "\">" + std::string(one.purpose) + "</option>";
  }
  return html + "</select> <button type=\"submit\">Apply</button></p>\n";
}

bool IsSameHost(std::string_view from, std::string_view host) {
  const size_t scheme = from.find("://");
  if (scheme == from.npos) return false;
  from.remove_prefix(scheme + 3);
  return base::EqualsIgnoreCase(from.substr(0, from.find_first_of("/?#")), host);
}

StatsChange::StatsChange(shard::Applet& applet, Stream& stream, const ProxyConfig& page)
    : applet_(applet),
      stream_(stream),
      page_(page),
      body_max_(stream.configuration().global.bufsize - stream.configuration().global.maxrewrite) {
  proto::RequestHead& request = stream.front()->request();
  const proto::Field* from = request.fields.Find(std::string_view("origin"));
  if (from == nullptr) from = request.fields.Find(std::string_view("referer"));
  // What names the host for the next hop, too.
  const std::string_view host = request.fields.ValueOf(proto::FieldName::kHost);
  const bool foreign = from != nullptr && !IsSameHost(from->value(), host);
  is_denied_ = foreign || !stream.http_flow().stats_admin();
}

void StatsChange::Take(shard::ByteQueue& input, bool ended) {
  while (!input.empty()) {
    const std::string_view bytes = input.front().view();
    if (body_.size() + bytes.size() > body_max_) is_too_long_ = true;
    if (!is_too_long_ && !is_denied_) body_ += bytes;
    input.Consume(bytes.size());
  }
  ended_ = ended_ || ended;
}

std::string_view StatsChange::Begin() {
  if (is_denied_) return "DENY";
  if (is_too_long_) return "EXCD";
  StatsForm form;
  if (!ParseStatsForm(body_, &form)) return "ERRP";
  if (form.servers.empty() || form.action.empty()) return "NONE";
  // In the configuration that commands see. Names are looked up here, so that a command holds none
  // that is not of the configuration.
  const ProxyConfig* backend = FindProxyOf(stream_.worker().configuration(), form.backend, true);
  if (backend == nullptr || backend->is_internal) return "ERRP";
  if (!page_.stats->Shows(backend->name, page_.name)) return "DENY";
  for (const std::string& name : form.servers) {
    const auto found = std::find_if(backend->servers.begin(), backend->servers.end(),
                                    [&](const auto& one) { return one->name == name; });
    if (found == backend->servers.end()) {
      ++failed_;
      continue;
    }
    std::string command = StatsCommand(form.action, backend->name, name);
    if (command.empty()) return "ERRP";
    commands_.push_back(std::move(command));
  }
  return {};
}

TextStep StatsChange::End(std::string_view code) {
  head_.status = 303;
  head_.fields = {{"cache-control", "no-cache"},
                  {"content-type", "text/plain"},
                  {"location", page_.stats->uri + ";st=" + std::string(code)}};
  head_.has_body = false;
  head_known_ = true;
  return TextStep::kDone;
}

TextStep StatsChange::Run(std::string&) {
  if (!ended_ && !is_denied_ && !is_too_long_) return TextStep::kWait;
  if (!begun_) {
    begun_ = true;
    if (const std::string_view code = Begin(); !code.empty()) return End(code);
  }
  if (cli_ == nullptr) {
    if (next_ == commands_.size()) {
      return End(failed_ == 0 ? "DONE" : done_ == 0 ? "ERRP" : "PART");
    }
    Worker& worker = stream_.worker();
    cli_ =
        std::make_unique<Cli>(CliCommands(), CliLevel::kAdmin, CliPeer{&worker, &stream_, &applet_},
                              worker.configuration().global.bufsize);
    cli_->SetSeverityOutput(CliSeverityOutput::kNumber);
    cli_->Feed(commands_[next_++] + '\n');
    cli_->EndInput();
    said_.clear();
  }
  switch (cli_->Run()) {
    case Cli::Wait::kOutput:
      said_ += std::exchange(cli_->output(), {});
      return TextStep::kMore;
    case Cli::Wait::kAgain:
      return TextStep::kMore;
    case Cli::Wait::kAnswer:
    case Cli::Wait::kInput:
      return TextStep::kWait;
    case Cli::Wait::kFinished:
      break;
  }
  cli_ = nullptr;
  // With a severity before it: an error.
  ++(said_.find("[3]") == said_.npos ? done_ : failed_);
  return TextStep::kMore;
}

}  // namespace engine
