#include <netinet/in.h>
#include <netinet/tcp.h>

#include <memory>
#include <vector>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/mux/http_endpoint.h"
#include "engine/rules/actions.h"
#include "engine/server/http_replies.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/http_reply.h"
#include "engine/session/http_service.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using ruleset::kHttpAfter;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;
using ruleset::kTcpConnection;
using ruleset::kTcpContent;
using ruleset::kTcpResponse;
using ruleset::kTcpSession;

// accept, allow: no further rule of the set.
class Stop final : public RuleAction {
 public:
  Verdict Run(RuleContext&) const override { return Verdict::kStop; }
  bool ends() const override { return true; }
};

class Reject final : public RuleAction {
 public:
  Verdict Run(RuleContext& context) const override { return context.Reject(); }
  bool ends() const override { return true; }
};

// What the server has said by now still reaches the client (manual 4.4, close).
class Close final : public RuleAction {
 public:
  Verdict Run(RuleContext& context) const override {
    context.stream->server_side().Abort(shard::CloseReason::kNormal);
    return Verdict::kStop;
  }
  bool ends() const override { return true; }
};

// The client is to notice nothing: no FIN and no RST reach it. Without the right to say so, they
// die at the first router.
class SilentDrop final : public RuleAction {
 public:
  explicit SilentDrop(int rst_ttl) : rst_ttl_(rst_ttl) {}
  Verdict Run(RuleContext& context) const override {
    if (context.client == nullptr) return context.Reject();
    shard::Ring& ring = context.worker->context().ring();
    const int fd = context.client->fd();
    const int on = 1;
    const int ttl = rst_ttl_ == 0 ? 1 : rst_ttl_;
    // An acknowledgement that is put off (tcp-smart-accept) is sent now: without it the client
    // sends again, and is told that there is no connection.
    (void)ring.SetOption(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    const bool silent =
        rst_ttl_ == 0 && ring.SetOption(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0;
    if (!silent) {
      (void)ring.SetOption(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
      (void)ring.SetOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
    }
    return context.Reject();
  }
  bool ends() const override { return true; }

 private:
  const int rst_ttl_;  // 0: not given
};

// deny and return.
class Answer final : public RuleAction {
 public:
  Answer(std::shared_ptr<const RuleReply> reply, bool refuses)
      : reply_(std::move(reply)), refuses_(refuses) {}
  Verdict Run(RuleContext& context) const override {
    if (refuses_) {
      context.CountDenied();
      context.stream->log().OnRequestCookies(*context.stream);
    }
    return context.Answer(*reply_, refuses_);
  }
  bool ends() const override { return true; }
  const RuleReply* reply() const override { return reply_.get(); }

 private:
  const std::shared_ptr<const RuleReply> reply_;
  const bool refuses_;
};

// Asks who the client is (manual 4.4, auth): as a proxy does where the client takes us for one
// (manual 4.2, option http-use-proxy-header).
class Auth final : public RuleAction {
 public:
  explicit Auth(std::string realm) : realm_(std::move(realm)) {}
  Verdict Run(RuleContext& context) const override {
    FrontEndpoint* front = context.stream->front();
    if (front == nullptr) return Verdict::kContinue;
    const bool as_proxy = front->request().connection_field == proto::FieldName::kProxyConnection;
    const HttpReply& page =
        FindReply(*context.frontend, context.stream->backend(), as_proxy ? 407 : 401);
    proto::FieldList fields(front->arena());
    const std::string_view realm = realm_.empty() ? RealmOf(context) : std::string_view(realm_);
    static constexpr std::string_view kBefore = "Basic realm=\"";
    const size_t bytes = kBefore.size() + realm.size() + 1;
    char* const text = static_cast<char*>(front->arena().Allocate(bytes, 1));
    char* at = text + kBefore.copy(text, kBefore.size());
    at += realm.copy(at, realm.size());
    *at = '"';
    (void)fields.Add(
        as_proxy ? proto::FieldName::kProxyAuthenticate : proto::FieldName::kWwwAuthenticate,
        std::string_view(text, bytes));
    // Nothing was refused yet: the client may say who it is, and come again.
    context.stream->AnswerByRule(page, {.fields = &fields, .replaces = true},
                                 shard::CloseReason::kLocal);
    return Verdict::kEnd;
  }
  bool ends() const override { return true; }

 private:
  static std::string_view RealmOf(const RuleContext& context) {
    return context.backend != nullptr ? context.backend->name : context.frontend->name;
  }
  const std::string realm_;
};

// In the server's place (manual 4.4, use-service).
class UseHttpService final : public RuleAction {
 public:
  explicit UseHttpService(const HttpService* service) : service_(service) {}
  Verdict Run(RuleContext& context) const override {
    if (context.stream->front() == nullptr) return context.Reject();
    context.stream->http_flow().StartService(*context.stream, *service_);
    return Verdict::kEnd;
  }
  bool ends() const override { return true; }

 private:
  const HttpService* const service_;
};

class UseService final : public RuleAction {
 public:
  explicit UseService(const shard::AppletType* applet) : applet_(applet) {}
  Verdict Run(RuleContext& context) const override {
    // A later request of a connection that has switched to HTTP (manual 4.4, switch-mode).
    if (context.stream->is_http()) return context.Reject();
    context.stream->SetTarget(shard::Target::Of(applet_));
    context.stream->RequestServerSide();
    return Verdict::kEnd;
  }
  bool ends() const override { return true; }
  bool only_tcp() const override { return true; }

 private:
  const shard::AppletType* const applet_;
};

// What is HTTP already stays as it is.
class SwitchMode final : public RuleAction {
 public:
  Verdict Run(RuleContext& context) const override {
    return context.stream->is_http() ? Verdict::kStop : Verdict::kSwitch;
  }
  bool ends() const override { return true; }
  bool switches_mode() const override { return true; }
};

template <typename T>
std::unique_ptr<const RuleAction> MakeBare(ActionUse&) {
  return std::make_unique<T>();
}

std::unique_ptr<const RuleAction> MakeSilentDrop(ActionUse& action) {
  int rst_ttl = 0;
  if (action.TakeWord("rst-ttl")) {
    std::string_view word;
    if (!action.TakeArgument("a number of hops", &word)) return nullptr;
    const Parsed<int64_t> hops = ParseInteger(word, 1, 255);
    if (!hops) {
      action.Refuse(hops.error);
      return nullptr;
    }
    rst_ttl = int(hops.value);
  }
  return std::make_unique<SilentDrop>(rst_ttl);
}

std::unique_ptr<const RuleAction> MakeDeny(ActionUse& action) {
  const uint16_t status = action.stage == RuleStage::kHttpResponse ? 502 : 403;
  std::shared_ptr<const RuleReply> reply = action.TakeReply(status, false);
  if (reply == nullptr) return nullptr;
  return std::make_unique<Answer>(std::move(reply), true);
}

std::unique_ptr<const RuleAction> MakeReturn(ActionUse& action) {
  std::shared_ptr<const RuleReply> reply = action.TakeReply(200, true);
  if (reply == nullptr) return nullptr;
  return std::make_unique<Answer>(std::move(reply), false);
}

std::unique_ptr<const RuleAction> MakeAuth(ActionUse& action) {
  std::string_view realm;
  if (action.TakeWord("realm") && !action.TakeArgument("a name", &realm)) return nullptr;
  if (!realm.empty() &&
      (!proto::AllOf(realm, proto::kValueClass) || realm.find_first_of("\"\\") != realm.npos)) {
    action.Refuse("a byte that no realm may hold");
    return nullptr;
  }
  return std::make_unique<Auth>(std::string(realm));
}

std::unique_ptr<const RuleAction> MakeUseService(ActionUse& action) {
  std::string_view name;
  if (!action.TakeArgument("the name of a service", &name)) return nullptr;
  const auto& services = action.context.options.services;
  const auto& http_services = action.context.options.http_services;
  const bool http = action.stage == RuleStage::kHttpRequest;
  const auto found = services.find(name);
  const auto http_found = http_services.find(name);
  if (!http && found != services.end()) return std::make_unique<UseService>(found->second);
  if (http && http_found != http_services.end()) {
    return std::make_unique<UseHttpService>(http_found->second);
  }
  if (found != services.end() || http_found != http_services.end()) {
    action.Refuse(InQuotes(name) + " is a service of '" +
                  (http ? "tcp-request content" : "http-request") + "'");
    return nullptr;
  }
  std::vector<std::string_view> names;
  if (!http) {
    for (const auto& [known, type] : services) names.push_back(known);
  } else {
    for (const auto& [known, type] : http_services) names.push_back(known);
  }
  action.Refuse("no service is named " + InQuotes(name), Suggest(name, names));
  return nullptr;
}

std::unique_ptr<const RuleAction> MakeSwitchMode(ActionUse& action) {
  const ProxyConfig& proxy = *action.context.proxy->config;
  const bool in_defaults = action.context.proxy->section->kind == SectionKind::kDefaults;
  if (!in_defaults && !proxy.is_frontend) {
    action.RefuseWord("it is for a proxy that has clients, and " + proxy.kind + " " +
                      InQuotes(proxy.name) + " has none");
    return nullptr;
  }
  std::string_view word;
  if (!action.TakeArgument("'http'", &word)) return nullptr;
  if (word != "http") {
    action.Refuse("expects 'http', not " + InQuotes(word));
    return nullptr;
  }
  if (action.TakeWord("proto")) {
    if (!action.TakeArgument("a protocol", &word)) return nullptr;
    if (word != "h1") {
      action.Refuse(word == "h2" ? "'proto h2' is not supported yet, only 'h1' is"
                                 : "'proto' expects 'h1', not " + InQuotes(word));
      return nullptr;
    }
  }
  return std::make_unique<SwitchMode>();
}

constexpr ActionSpec kEndingActions[] = {
    {"accept", kTcpConnection | kTcpSession | kTcpContent | kTcpResponse, &MakeBare<Stop>},
    {"allow", kHttpRequest | kHttpResponse | kHttpAfter, &MakeBare<Stop>},
    {"auth", kHttpRequest, &MakeAuth},
    {"close", kTcpResponse, &MakeBare<Close>},
    {"deny", kHttpRequest | kHttpResponse, &MakeDeny},
    {"reject", kTcpConnection | kTcpSession | kTcpContent | kTcpResponse | kHttpRequest,
     &MakeBare<Reject>},
    {"return", kHttpRequest | kHttpResponse, &MakeReturn},
    {"silent-drop",
     kTcpConnection | kTcpSession | kTcpContent | kTcpResponse | kHttpRequest | kHttpResponse,
     &MakeSilentDrop},
    {"switch-mode", kTcpContent, &MakeSwitchMode},
    {"use-service", kTcpContent | kHttpRequest, &MakeUseService},
};

}  // namespace

std::span<const ActionSpec> EndingActions() { return kEndingActions; }

}  // namespace engine
