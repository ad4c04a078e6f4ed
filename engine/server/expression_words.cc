#include "engine/server/expression_words.h"

#include <algorithm>
#include <string>

#include "engine/acl/acl.h"

namespace engine {
namespace {

constexpr size_t kShownBytesMax = 60;  // of the text behind a fault

const Registry& NoUnits() {
  static const Registry none;
  return none;
}

void ReportMissing(BuildContext& context, const NamedByExpression& named, std::string_view kind,
                   std::string_view name, const std::vector<std::string_view>& names) {
  context.diagnostics.Error(named.place.At(),
                            "no " + std::string(kind) + " is named " + InQuotes(name),
                            Suggest(name, names));
}

void CheckProxy(BuildContext& context, const NamedByExpression& named, bool frontend) {
  std::vector<std::string_view> names;
  for (const auto& proxy : context.configuration.proxies) {
    if (frontend ? !proxy->is_frontend : !proxy->is_backend) continue;
    if (proxy->name == named.name) return;
    names.push_back(proxy->name);
  }
  ReportMissing(context, named, frontend ? "frontend" : "backend", named.name, names);
}

void CheckServer(BuildContext& context, const NamedByExpression& named) {
  const size_t slash = named.name.find('/');
  if (slash == named.name.npos) return;  // which backend is current is seen when it is evaluated
  NamedByExpression backend = named;
  backend.name = named.name.substr(0, slash);
  const ProxyConfig* found = context.configuration.FindBackend(backend.name);
  if (found == nullptr) return CheckProxy(context, backend, false);
  const std::string name = named.name.substr(slash + 1);
  std::vector<std::string_view> names;
  for (const auto& server : found->servers) {
    if (server->name == name) return;
    names.push_back(server->name);
  }
  ReportMissing(context, named, "server of backend " + InQuotes(backend.name), name, names);
}

// The ring that is there for `debug` where no section has the name.
uint32_t AddDebugRing(LogPlan& plan) {
  LogRingPlan ring;
  ring.name = kDebugSink;
  ring.description = "in-memory ring buffer";
  ring.format = SyslogFormat::kTimed;
  ring.size_bytes = 1u << 20;
  ring.line_bytes_max = kLogLineBytesMax;
  plan.rings.push_back(std::move(ring));
  return uint32_t(plan.rings.size() - 1);
}

void SettleSink(BuildContext& context, const NamedByExpression& named) {
  LogPlan& plan = context.configuration.logs;
  const auto is_it = [&](const auto& one) { return one.name == named.name; };
  if (std::any_of(plan.sinks.begin(), plan.sinks.end(), is_it)) return;
  LogTarget target;
  const auto ring = std::find_if(plan.rings.begin(), plan.rings.end(), is_it);
  if (named.name == "stdout" || named.name == "stderr") {
    target.kind = LogTarget::Kind::kFd;
    target.fd = named.name == "stdout" ? 1 : 2;
  } else if (ring != plan.rings.end() || named.name == kDebugSink) {
    target.kind = LogTarget::Kind::kRing;
    target.ring =
        ring != plan.rings.end() ? uint32_t(ring - plan.rings.begin()) : AddDebugRing(plan);
  } else {
    std::vector<std::string_view> names = {"stdout", "stderr", kDebugSink};
    for (const LogRingPlan& one : plan.rings) names.push_back(one.name);
    return ReportMissing(context, named, "sink of events", named.name, names);
  }
  plan.sinks.push_back({named.name, plan.AddTarget(target)});
}

}  // namespace

void NoteNamed(BuildContext& context, const WordPlace& place, const Expression& expression) {
  expression.ForEachConverter([&](const ConverterSpec& converter, const Arguments& arguments) {
    for (size_t i = 0; i < converter.arguments.size(); ++i) {
      if (converter.arguments[i].type != ArgumentType::kSink) continue;
      context.named_by_expressions.push_back(
          {place, ArgumentType::kSink, std::string(arguments.text(i, kDebugSink))});
    }
  });
  const std::string_view fetch = expression.fetch().name;
  if (fetch == "http_auth" || fetch == "http_auth_group") {
    context.userlist_words.push_back({place, std::string(expression.arguments().text(0))});
  }
  const std::span<const ArgumentSpec> spec = expression.fetch().arguments;
  for (size_t i = 0; i < spec.size(); ++i) {
    const bool names = spec[i].type == ArgumentType::kBackend ||
                       spec[i].type == ArgumentType::kFrontend ||
                       spec[i].type == ArgumentType::kServer;
    if (!names || !expression.arguments().has(i)) continue;
    context.named_by_expressions.push_back(
        {place, spec[i].type, std::string(expression.arguments().text(i))});
  }
}

void CheckNamed(BuildContext& context) {
  for (const NamedByExpression& named : context.named_by_expressions) {
    if (named.type == ArgumentType::kSink) {
      SettleSink(context, named);
    } else if (named.type == ArgumentType::kServer) {
      CheckServer(context, named);
    } else {
      CheckProxy(context, named, named.type == ArgumentType::kFrontend);
    }
  }
}

const Registry& UnitsOf(const BuildContext& context) {
  const Registry& units = context.options.units != nullptr ? *context.options.units : NoUnits();
  ProxyDraft* draft = context.proxy;
  if (draft != nullptr && draft->acls == nullptr) draft->acls = std::make_unique<AclTable>(units);
  AclTable::SetCurrent(draft == nullptr ? nullptr : draft->acls.get());
  return units;
}

void ReportProblem(Diagnostics& diagnostics, const Location& where, std::string_view what,
                   std::string_view text, const ExpressionProblem& problem) {
  std::string hint = problem.hint;
  // The word may hold more than the fault: a log format, or a long chain of converters.
  if (problem.length < text.size() && problem.offset < text.size()) {
    if (!hint.empty()) hint += "; ";
    hint += "at: " + std::string(text.substr(problem.offset, kShownBytesMax));
  }
  diagnostics.Error(where, InQuotes(what) + ": " + problem.message, hint);
}

std::optional<Expression> ParseExpression(BuildContext& context, const WordPlace& place,
                                          std::string_view what, std::string_view text,
                                          Needs offers) {
  ExpressionProblem problem;
  std::optional<Expression> expression =
      Expression::Compile(text, UnitsOf(context), offers, &problem);
  if (expression) {
    NoteNamed(context, place, *expression);
  } else {
    ReportProblem(context.diagnostics, place.At(), what, text, problem);
  }
  return expression;
}

std::optional<Expression> ParseExpression(BuildContext& context, const KeywordUse& use,
                                          size_t argument, Needs offers) {
  if (argument >= use.arguments()) {
    Refuse(use, argument, "a sample expression is expected");
    return std::nullopt;
  }
  const WordPlace place{&use.line, use.first_argument + argument};
  return ParseExpression(context, place, use.keyword->words, use.argument(argument), offers);
}

}  // namespace engine
