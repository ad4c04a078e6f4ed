#include "engine/applet/stats_page.h"

#include <utility>

#include "base/text.h"
#include "engine/applet/stats_admin.h"
#include "engine/applet/stats_html.h"
#include "engine/applet/typed_field.h"
#include "engine/fetch/credentials.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/http_replies.h"
#include "engine/server/stats_config.h"
#include "engine/session/stream.h"
#include "engine/session/stream_context.h"

namespace engine {
namespace {

// A text that is here whole.
class Fixed final : public TextAnswer {
 public:
  Fixed(ServiceHead head, std::string body) : body_(std::move(body)) {
    head_ = std::move(head);
    head_known_ = true;
  }
  TextStep Run(std::string& text) override {
    text = body_;
    return TextStep::kDone;
  }

 private:
  const std::string body_;
};

// As `show stat` says it.
class Listing final : public TextAnswer {
 public:
  Listing(Stream& stream, const StatFilter& filter, bool json, ServiceHead head)
      : stream_(stream), walk_(filter), json_(json) {
    head_ = std::move(head);
    head_known_ = true;
  }
  TextStep Run(std::string& text) override {
    const StatFacts facts = StatFactsOf(stream_.worker());
    if (!begun_ && !json_) text += StatHeader();
    begun_ = true;
    StatItem item;
    while (walk_.Next(stream_.configuration(), &item)) {
      const StatRow row = RowOf(item, facts);
      if (json_) text += any_ ? ',' : '[';
      any_ = true;
      text += json_ ? row.ToJson() : row.ToCsv();
      if (text.size() >= kTextPieceBytes) return TextStep::kMore;
    }
    if (json_) text += any_ ? "]\n" : "[]\n";
    return TextStep::kDone;
  }

 private:
  Stream& stream_;
  StatWalk walk_;
  const bool json_;
  bool begun_ = false;
  bool any_ = false;
};

bool IsAdmitted(Stream& stream, const StatsConfig& stats) {
  if (stats.users.empty()) return true;
  StreamContext context(stream);
  std::string_view user, password;
  return BasicCredentials(context, &user, &password) && stats.Admits(user, password);
}

// As `http-request auth` does (manual 4.4).
std::unique_ptr<TextAnswer> AskWho(Stream& stream, FrontEndpoint& front, const StatsConfig& stats) {
  const bool as_proxy = front.request().connection_field == proto::FieldName::kProxyConnection;
  const uint16_t status = as_proxy ? 407 : 401;
  const HttpReply& found = FindReply(stream.frontend(), stream.backend(), status);
  const HttpReply& reply = found.formats == nullptr ? found : BuiltInReply(status);
  ServiceHead head{reply.status, reply.fields};
  head.fields.emplace_back(as_proxy ? "proxy-authenticate" : "www-authenticate",
                           "Basic realm=\"" + stats.realm + '"');
  return std::make_unique<Fixed>(std::move(head), reply.body);
}

const char* TypeOf(StatsWish::Form form) {
  switch (form) {
    case StatsWish::Form::kHtml:
      return "text/html; charset=utf-8";
    case StatsWish::Form::kCsv:
      return "text/plain";
    case StatsWish::Form::kJson:
    case StatsWish::Form::kJsonSchema:
      break;
  }
  return "application/json";
}

class Page final : public TextService {
 public:
  const char* name() const override { return "STATS"; }
  std::string_view log_name() const override { return "<STATS>"; }

 private:
  std::unique_ptr<TextAnswer> Begin(shard::Applet& applet) const override;
};

std::unique_ptr<TextAnswer> Page::Begin(shard::Applet& applet) const {
  Stream& stream = *static_cast<Stream*>(applet.owner);
  FrontEndpoint* front = stream.front();
  const ProxyConfig* proxy = stream.http_flow().stats_proxy();
  if (front == nullptr || proxy == nullptr) return nullptr;
  const StatsConfig& stats = *proxy->stats;
  if (!IsAdmitted(stream, stats)) return AskWho(stream, *front, stats);
  if (front->request().method == proto::Method::kPost) {
    return std::make_unique<StatsChange>(applet, stream, *proxy);
  }
  const StatsWish wish = ParseStatsWish(stream.http_flow().stats_behind());
  ServiceHead head;
  head.fields = {{"cache-control", "no-cache"}, {"content-type", TypeOf(wish.form)}};
  if (stats.refresh_s != 0 && !wish.no_refresh) {
    head.fields.emplace_back("refresh", std::to_string(stats.refresh_s));
  }
  const StatFilter filter{
      .without_maintenance = wish.without_maintenance, .only_up = wish.only_up, .page = proxy};
  switch (wish.form) {
    case StatsWish::Form::kCsv:
    case StatsWish::Form::kJson:
      return std::make_unique<Listing>(stream, filter, wish.form == StatsWish::Form::kJson,
                                       std::move(head));
    case StatsWish::Form::kJsonSchema:
      return std::make_unique<Fixed>(std::move(head), std::string(JsonSchema()) + '\n');
    case StatsWish::Form::kHtml:
      break;
  }
  return std::make_unique<StatsHtml>(applet, stream, *proxy, wish, std::move(head));
}

}  // namespace

StatsWish ParseStatsWish(std::string_view behind) {
  StatsWish wish;
  bool first = true;
  for (std::string_view word : base::Split(behind, ';')) {
    if (std::exchange(first, false)) continue;  // more of the address
    word = word.substr(0, word.find_first_of("?&/"));
    if (word == "csv") {
      wish.form = StatsWish::Form::kCsv;
    } else if (word == "json") {
      wish.form = StatsWish::Form::kJson;
    } else if (word == "json-schema") {
      wish.form = StatsWish::Form::kJsonSchema;
    } else if (word == "up") {
      wish.only_up = true;
    } else if (word == "no-maint") {
      wish.without_maintenance = true;
    } else if (word == "norefresh") {
      wish.no_refresh = true;
    } else if (word.starts_with("st=")) {
      wish.result = word.substr(3);
    }
  }
  return wish;
}

const HttpService& StatsPage() {
  static const Page page;
  return page;
}

}  // namespace engine
