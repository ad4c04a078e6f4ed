#include "engine/server/expression_words.h"

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

}  // namespace

void NoteNamed(BuildContext& context, const WordPlace& place, const Expression& expression) {
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
    if (named.type == ArgumentType::kServer) {
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
