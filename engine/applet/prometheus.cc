#include "engine/applet/prometheus.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "engine/applet/process_info.h"
#include "engine/applet/stat_walk.h"
#include "engine/applet/text_service.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/check_status.h"
#include "engine/server/http_replies.h"
#include "engine/server/server_state.h"
#include "engine/server/server_text.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// How a column becomes samples.
enum class Form : uint8_t {
  kPlain,
  kZero,      // nothing is none
  kHttp,      // of proxies of mode http
  kHttpZero,  // both
  kMillis,    // to seconds
  kOfCheck,   // of servers that are checked
  kMillisOfCheck,
  kState,         // of the object: one sample for each state it may have
  kCheckState,    // the same of its last check
  kServerStates,  // how many servers of a backend are in each state
  kCheckStates,   // how many ended their last check in which way
  kCode1,         // labelled with a class of status
  kCode2,
  kCode3,
  kCode4,
  kCode5,
  kCodeOther,
};

constexpr uint8_t kOfFront = 1;
constexpr uint8_t kOfBack = 2;
constexpr uint8_t kOfServer = 4;
constexpr uint8_t kOfEach = kOfFront | kOfBack | kOfServer;

struct Metric {
  std::string_view name;
  StatColumn column;
  uint8_t scopes;
  Form form;
};
constexpr Metric kMetrics[] = {
#define X(name, column, scopes, form) {name, StatColumn::column, scopes, Form::form},
#include "engine/applet/prometheus_metrics.def"
#undef X
};

struct ProcessMetric {
  std::string_view name;
  uint32_t position;
  const char* otherwise;  // what it would be; null: the field is always there
};
constexpr ProcessMetric kProcessMetrics[] = {
#define P(name, position, otherwise) {name, position, otherwise},
#include "engine/applet/prometheus_metrics.def"
#undef P
};
constexpr uint32_t kBuildInfo = 66;

struct ColumnFacts {
  std::string_view tags;
  std::string_view purpose;
};
constexpr ColumnFacts kColumns[] = {
#define X(name, tags, type, purpose) {tags, purpose},
#include "engine/applet/stat_columns.def"
#undef X
};

constexpr std::string_view kStates[] = {"DOWN", "UP", "MAINT", "DRAIN", "NOLB"};
constexpr size_t kProxyStates = 2;
// The results of checks that a sample is given for.
constexpr CheckStatus kCheckResults[] = {
    CheckStatus::kObserved,   CheckStatus::kSocketError,  CheckStatus::kL4Ok,
    CheckStatus::kL4Timeout,  CheckStatus::kL4Connection, CheckStatus::kL6Ok,
    CheckStatus::kL6Timeout,  CheckStatus::kL6Response,   CheckStatus::kL7Timeout,
    CheckStatus::kL7Response, CheckStatus::kL7Ok,         CheckStatus::kL7OkConditional,
    CheckStatus::kL7Status,   CheckStatus::kProcessError, CheckStatus::kProcessTimeout,
    CheckStatus::kProcessOk};

// Where a state of `show stat` stands in kStates.
size_t StateOf(std::string_view status) {
  for (size_t i = 0; i < std::size(kStates); ++i) {
    if (status.starts_with(kStates[i])) return i;
  }
  return status == "STOP" || status == "PAUSED" ? 0 : 1;  // OPEN, "no check"
}

bool IsOfMode(const Metric& metric, const ProxyConfig& proxy) {
  const bool http =
      metric.form == Form::kHttp || metric.form == Form::kHttpZero || metric.form >= Form::kCode1;
  return !http || proxy.mode == Mode::kHttp;
}

bool IsOfChecks(Form form) {
  return form == Form::kCheckState || form == Form::kOfCheck || form == Form::kMillisOfCheck;
}

bool IsChecked(const ServerConfig& server) {
  const ServerState& state = *server.state;
  return state.health.Get().checks && state.effective_admin() != AdminState::kMaint;
}

std::string Seconds(std::string_view millis) {
  const std::optional<int64_t> value = base::ParseSigned(millis);
  return value ? base::Format("%.6f", double(*value) / 1000) : "NaN";
}

// An answer ---------------------------------------------------------------------------------------

class Export final : public TextAnswer {
 public:
  Export(shard::Applet& applet, Stream& stream, const ExportWish& wish)
      : stream_(stream),
        wish_(wish),
        scope_(wish.global ? Scope::kProcess : Scope::kFrontends),
        round_(stream.worker(), applet) {
    head_.fields = {{"cache-control", "no-cache"}, {"content-type", "text/plain; version=0.0.4"}};
    head_known_ = true;
  }
  TextStep Run(std::string& text) override;

 private:
  enum class Scope : uint8_t { kProcess, kFrontends, kBackends, kServers, kOver };

  void SayProcess(std::string& text);
  bool SayMetrics(std::string& text, std::string_view prefix, uint8_t scope, int64_t type);
  void SaySamples(std::string& text, std::string_view prefix, const Metric& metric,
                  const StatItem& item, const StatFacts& facts);
  void SayStates(std::string& text, const Metric& metric, const StatItem& item,
                 std::string_view value);
  void Say(std::string& text, std::string_view value) {
    text += begin_;
    text += "} ";
    text += value;
    text += '\n';
  }

  Stream& stream_;
  const ExportWish wish_;
  Scope scope_;
  FactsRound round_;  // of kProcess
  // Of the others.
  size_t metric_ = 0;
  std::optional<StatWalk> walk_;  // of that metric, once it has begun
  std::string begin_;             // of the line under way, up to its labels
};

void SayHead(std::string& text, const std::string& name, std::string_view tags,
             std::string_view purpose) {
  const bool counts = name.ends_with("_total") || (tags.size() > 1 && tags[1] == 'C');
  text += "# HELP " + name + ' ';
  text += purpose;
  text += "\n# TYPE " + name + (counts ? " counter\n" : " gauge\n");
}

void Export::SayProcess(std::string& text) {
  const std::vector<InfoField> fields = InfoFields(stream_.worker(), round_.facts());
  for (const ProcessMetric& metric : kProcessMetrics) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const InfoField& field) {
      return field.position == metric.position;
    });
    const std::string name = "haproxy_process_" + std::string(metric.name);
    if (found == fields.end()) {
      if (metric.otherwise == nullptr) continue;
      SayHead(text, name, {}, metric.otherwise);
      text += name + " NaN\n";
      continue;
    }
    SayHead(text, name, found->tags, found->purpose);
    if (metric.position == kBuildInfo) {
      text += name + "{version=\"" + LabelText(found->value) + "\"} 1\n";
    } else {
      text += name + ' ' + found->value + '\n';
    }
  }
}

// False: there is more to say.
bool Export::SayMetrics(std::string& text, std::string_view prefix, uint8_t scope, int64_t type) {
  // The row of a backend goes through all its servers, and others may say nothing at all.
  constexpr uint64_t kTurnShareUs = 500;
  StatFacts facts = StatFactsOf(stream_.worker());
  const uint64_t until_us = facts.now_us + kTurnShareUs;
  for (; metric_ < std::size(kMetrics); ++metric_, walk_.reset()) {
    const Metric& metric = kMetrics[metric_];
    if ((metric.scopes & scope) == 0) continue;
    if (!walk_) {
      walk_.emplace(StatFilter{.types = type, .without_maintenance = wish_.without_maintenance});
      if (metric_ == 0 || kMetrics[metric_ - 1].name != metric.name) {
        const ColumnFacts& column = kColumns[size_t(metric.column)];
        SayHead(text, std::string(prefix) + std::string(metric.name), column.tags, column.purpose);
      }
    }
    facts.only = metric.column;
    StatItem item;
    while (walk_->Next(stream_.configuration(), &item)) {
      SaySamples(text, prefix, metric, item, facts);
      if (text.size() >= kTextPieceBytes || base::MonotonicMicros() >= until_us) return false;
    }
  }
  metric_ = 0;
  return true;
}

void Export::SaySamples(std::string& text, std::string_view prefix, const Metric& metric,
                        const StatItem& item, const StatFacts& facts) {
  if (!IsOfMode(metric, *item.proxy)) return;
  if (IsOfChecks(metric.form) && !IsChecked(*item.server)) return;
  begin_ = prefix;
  begin_ += metric.name;
  begin_ += "{proxy=\"";
  AddLabelText(item.proxy->name, begin_);
  begin_ += '"';
  if (item.server != nullptr) {
    begin_ += ",server=\"";
    AddLabelText(item.server->name, begin_);
    begin_ += '"';
  }
  const StatRow row = RowOf(item, facts);
  const std::string& value = row.Get(metric.column);
  switch (metric.form) {
    case Form::kMillis:
    case Form::kMillisOfCheck:
      return Say(text, Seconds(value));
    case Form::kState:
    case Form::kCheckState:
    case Form::kServerStates:
    case Form::kCheckStates:
      return SayStates(text, metric, item, value);
    case Form::kCodeOther:
      begin_ += ",code=\"other\"";
      break;
    case Form::kCode1:
    case Form::kCode2:
    case Form::kCode3:
    case Form::kCode4:
    case Form::kCode5:
      begin_ += ",code=\"";
      begin_ += char('1' + int(metric.form) - int(Form::kCode1));
      begin_ += "xx\"";
      break;
    case Form::kZero:
    case Form::kHttpZero:
      return Say(text, value.empty() ? std::string_view("0") : value);
    case Form::kPlain:
    case Form::kHttp:
    case Form::kOfCheck:
      break;
  }
  Say(text, value.empty() ? std::string_view("NaN") : value);
}

void Export::SayStates(std::string& text, const Metric& metric, const StatItem& item,
                       std::string_view value) {
  begin_ += ",state=\"";
  const size_t begin_bytes = begin_.size();
  const auto say = [&](std::string_view state, uint64_t count) {
    begin_.resize(begin_bytes);
    begin_ += state;
    begin_ += '"';
    Say(text, std::to_string(count));
  };
  switch (metric.form) {
    case Form::kState: {
      const size_t states = item.server == nullptr ? kProxyStates : std::size(kStates);
      for (size_t i = 0; i < states; ++i) say(kStates[i], i == StateOf(value) ? 1 : 0);
      return;
    }
    case Form::kCheckState: {
      if (value.starts_with("* ")) value.remove_prefix(2);
      for (const CheckStatus one : kCheckResults) say(Info(one).word, value == Info(one).word);
      return;
    }
    case Form::kServerStates: {
      uint64_t counts[std::size(kStates)] = {};
      for (const auto& server : item.proxy->servers) ++counts[StateOf(StatusText(*server))];
      for (size_t i = 0; i < std::size(kStates); ++i) say(kStates[i], counts[i]);
      return;
    }
    default: {
      uint64_t counts[std::size(kCheckResults)] = {};
      for (const auto& server : item.proxy->servers) {
        if (!IsChecked(*server)) continue;
        const auto* found = std::find(std::begin(kCheckResults), std::end(kCheckResults),
                                      server->state->check.report.Get().status);
        if (found != std::end(kCheckResults)) ++counts[found - std::begin(kCheckResults)];
      }
      for (size_t i = 0; i < std::size(kCheckResults); ++i) {
        say(Info(kCheckResults[i]).word, counts[i]);
      }
      return;
    }
  }
}

TextStep Export::Run(std::string& text) {
  switch (scope_) {
    case Scope::kProcess:
      if (!round_.Done()) return TextStep::kWait;
      SayProcess(text);
      scope_ = Scope::kFrontends;
      break;
    case Scope::kFrontends:
      if (wish_.frontends && !SayMetrics(text, "haproxy_frontend_", kOfFront, kStatFrontends))
        break;
      scope_ = Scope::kBackends;
      break;
    case Scope::kBackends:
      if (wish_.backends && !SayMetrics(text, "haproxy_backend_", kOfBack, kStatBackends)) break;
      scope_ = Scope::kServers;
      break;
    case Scope::kServers:
      if (wish_.servers && !SayMetrics(text, "haproxy_server_", kOfServer, kStatServers)) break;
      scope_ = Scope::kOver;
      break;
    case Scope::kOver:
      return TextStep::kDone;
  }
  return TextStep::kMore;
}

// What was asked for is not understood.
class BadRequest final : public TextAnswer {
 public:
  explicit BadRequest(const HttpReply& reply) : body_(reply.body) {
    head_ = {reply.status, reply.fields};
    head_known_ = true;
  }
  TextStep Run(std::string& text) override {
    text += body_;
    return TextStep::kDone;
  }

 private:
  const std::string body_;
};

class Exporter final : public TextService {
 public:
  const char* name() const override { return "PROMEX"; }
  std::string_view log_name() const override { return "<PROMEX>"; }

 private:
  std::unique_ptr<TextAnswer> Begin(shard::Applet& applet) const override {
    Stream& stream = *static_cast<Stream*>(applet.owner);
    FrontEndpoint* front = stream.front();
    if (front == nullptr) return nullptr;
    ExportWish wish;
    const proto::RequestHead& request = front->request();
    if (!ParseExportWish(request.has_query ? request.query : std::string_view(), &wish)) {
      const HttpReply& found = FindReply(stream.frontend(), stream.backend(), 400);
      return std::make_unique<BadRequest>(found.formats == nullptr ? found : BuiltInReply(400));
    }
    return std::make_unique<Export>(applet, stream, wish);
  }
};

}  // namespace

bool ParseExportWish(std::string_view query, ExportWish* wish) {
  *wish = {};
  bool any_scope = false;
  for (const std::string_view one : base::Split(query, '&')) {
    const size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    const std::string_view value = equals == one.npos ? std::string_view() : one.substr(equals + 1);
    if (name == "no-maint") wish->without_maintenance = true;
    if (name != "scope") continue;
    // The first one begins with nothing, each adds what it names; no value takes all away again.
    if (!any_scope || value.empty()) {
      wish->global = wish->frontends = wish->backends = wish->servers = false;
    }
    any_scope = true;
    if (value == "global") {
      wish->global = true;
    } else if (value == "frontend") {
      wish->frontends = true;
    } else if (value == "backend") {
      wish->backends = true;
    } else if (value == "server") {
      wish->servers = true;
    } else if (value == "*") {
      wish->global = wish->frontends = wish->backends = wish->servers = true;
    } else if (!value.empty() && value != "listener" && value != "sticktable") {
      return false;  // the two are known, and there are none here
    }
  }
  return true;
}

void AddLabelText(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string LabelText(std::string_view text) {
  std::string escaped;
  AddLabelText(text, escaped);
  return escaped;
}

const HttpService& PrometheusExporter() {
  static const Exporter exporter;
  return exporter;
}

}  // namespace engine
