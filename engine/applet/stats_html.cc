#include "engine/applet/stats_html.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/applet/stats_admin.h"
#include "engine/server/stats_config.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

using C = StatColumn;

constexpr std::string_view kStyle =
    "body{font:13px/1.4 sans-serif;margin:1em}h1{font-size:1.4em}h2{font-size:1.1em}"
    "h3{font-size:1em;margin:1.5em 0 .3em}table{border-collapse:collapse;white-space:nowrap}"
    "th,td{border:1px solid #bbb;padding:1px 5px;text-align:right}th{background:#e8e8e8}"
    "th[scope=row],td.text{text-align:left}tr.up{background:#d4f0d0}tr.nocheck{background:#f2f2f2}"
    "tr.nolb,tr.drain{background:#cfe0fa}tr.down{background:#f6c8c4}tr.maint{background:#ead9b5}"
    "tr.backup th[scope=row]{font-style:italic}tr.frontend,tr.backend{background:#fff}"
    ".result{border:1px solid #888;padding:.4em;display:inline-block}";

struct Group {
  std::string_view title;
  int columns;
};
constexpr Group kGroups[] = {{"Queue", 3},  {"Session rate", 3}, {"Sessions", 6}, {"Bytes", 2},
                             {"Denied", 2}, {"Errors", 3},       {"Warnings", 2}, {"Server", 9}};

struct Cell {
  std::string_view title;
  C column;
  bool is_text = false;
};
constexpr Cell kCells[] = {{"Cur", C::qcur},
                           {"Max", C::qmax},
                           {"Limit", C::qlimit},
                           {"Cur", C::rate},
                           {"Max", C::rate_max},
                           {"Limit", C::rate_lim},
                           {"Cur", C::scur},
                           {"Max", C::smax},
                           {"Limit", C::slim},
                           {"Total", C::stot},
                           {"LbTot", C::lbtot},
                           {"Last", C::lastsess},
                           {"In", C::bin},
                           {"Out", C::bout},
                           {"Req", C::dreq},
                           {"Resp", C::dresp},
                           {"Req", C::ereq},
                           {"Conn", C::econ},
                           {"Resp", C::eresp},
                           {"Retr", C::wretr},
                           {"Redis", C::wredis},
                           {"Status", C::status, true},
                           {"LastChk", C::check_status, true},
                           {"Wght", C::weight},
                           {"Act", C::act},
                           {"Bck", C::bck},
                           {"Chk", C::chkfail},
                           {"Dwn", C::chkdown},
                           {"Dwntme", C::downtime},
                           {"Thrtle", C::throttle}};

// Of `stats show-modules`: columns that the table has no place for.
struct More {
  std::string_view name;
  C column;
};
constexpr More kMore[] = {{"h1_sess", C::h1_sess},
                          {"sess_other", C::sess_other},
                          {"h1req", C::h1req},
                          {"connect", C::connect},
                          {"reuse", C::reuse},
                          {"hrsp_1xx", C::hrsp_1xx},
                          {"hrsp_2xx", C::hrsp_2xx},
                          {"hrsp_3xx", C::hrsp_3xx},
                          {"hrsp_4xx", C::hrsp_4xx},
                          {"hrsp_5xx", C::hrsp_5xx},
                          {"hrsp_other", C::hrsp_other},
                          {"srv_icur", C::srv_icur},
                          {"used_conn_cur", C::used_conn_cur}};

// The class of a row, for its colour.
std::string_view ClassOf(const StatItem& item, std::string_view status) {
  if (item.server == nullptr) return item.is_frontend ? "frontend" : "backend";
  for (const auto& [word, name] :
       {std::pair{"UP", "up"}, std::pair{"DOWN", "down"}, std::pair{"MAINT", "maint"},
        std::pair{"DRAIN", "drain"}, std::pair{"NOLB", "nolb"}}) {
    if (status.starts_with(word)) return name;
  }
  return "nocheck";
}

// "1d2h", "3m4s": two places of what `seconds` says; empty for none.
std::string Duration(const std::string& seconds) {
  const std::optional<int64_t> value = base::ParseSigned(seconds);
  if (!value || *value < 0) return {};
  const long long s = *value;
  if (s < 60) return base::Format("%llds", s);
  if (s < 3600) return base::Format("%lldm%llds", s / 60, s % 60);
  if (s < 86400) return base::Format("%lldh%lldm", s / 3600, s / 60 % 60);
  return base::Format("%lldd%lldh", s / 86400, s / 3600 % 24);
}

std::string Shown(const StatRow& row, C column) {
  const std::string& value = row.Get(column);
  if (column == C::lastsess || column == C::downtime) return Duration(value);
  if (column == C::throttle && !value.empty()) return value + '%';
  if (column == C::status && !row.Get(C::lastchg).empty()) {
    return Duration(row.Get(C::lastchg)) + ' ' + value;
  }
  if (column == C::check_status && !row.Get(C::check_duration).empty()) {
    return value + " in " + row.Get(C::check_duration) + "ms";
  }
  return value;
}

std::string ValueOf(const std::vector<InfoField>& fields, uint32_t position) {
  for (const InfoField& field : fields) {
    if (field.position == position) return field.value;
  }
  return {};
}

// Everything of a request's answer that a reader may take further.
std::string Link(const std::string& uri, std::string_view options, std::string_view text) {
  return "<a href=\"" + HtmlText(uri + std::string(options)) + "\">" + std::string(text) + "</a>\n";
}

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += uint8_t(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return safe;
}

StatsHtml::StatsHtml(shard::Applet& applet, Stream& stream, const ProxyConfig& page,
                     const StatsWish& wish, ServiceHead head)
    : stream_(stream),
      page_(page),
      wish_(wish),
      admin_(stream.http_flow().stats_admin()),
      round_(stream.worker(), applet),
      walk_({.without_maintenance = wish.without_maintenance,
             .only_up = wish.only_up,
             .page = &page}) {
  head_ = std::move(head);
  head_known_ = true;
}

void StatsHtml::SayHead(std::string& text) {
  const GlobalConfig& global = stream_.configuration().global;
  std::string title = "Statistics";
  if (stats().shows_node)
    title += " of " + (stats().node.empty() ? NodeName(global) : stats().node);
  text += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" +
          HtmlText(title) + "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>";
  text += kStyle;
  text += "</style>\n</head>\n<body>\n<h1>Ringway";
  // What `show version` says begins with the name.
  if (stats().shows_version) {
    text += " <small>" + HtmlText(stream_.worker().process().version) + "</small>";
  }
  text += "</h1>\n<h2>" + HtmlText(title);
  if (stats().shows_description) {
    const std::string& own = stats().description;
    text += ": " + HtmlText(own.empty() ? global.description : own);
  }
  text += "</h2>\n";
  SayProcess(text);
  SayLinks(text);
  if (!wish_.result.empty()) {
    text += "<p class=\"result\">" + HtmlText(StatsResultText(wish_.result)) + "</p>\n";
  }
}

void StatsHtml::SayProcess(std::string& text) {
  const std::vector<InfoField> fields = InfoFields(stream_.worker(), round_.facts());
  const auto value = [&](uint32_t position) { return HtmlText(ValueOf(fields, position)); };
  text += "<p>pid " + value(6) + ", " + value(3) + " shards, up " + value(7) + "; " + value(17) +
          " of " + value(15) + " connections, " + value(26) + " per second; " + value(19) +
          " requests so far; idle " + value(49) + "%</p>\n";
}

void StatsHtml::SayLinks(std::string& text) {
  const std::string& uri = stats().uri;
  std::string keep;
  if (wish_.only_up) keep += ";up";
  if (wish_.no_refresh) keep += ";norefresh";
  text += "<p>" + Link(uri, keep, "Refresh now");
  const std::string other_refresh = wish_.only_up ? ";up" : "";
  if (stats().refresh_s != 0) {
    text += wish_.no_refresh ? Link(uri, other_refresh, "Refresh by itself")
                             : Link(uri, other_refresh + ";norefresh", "Stop refreshing");
  }
  const std::string other_up = wish_.no_refresh ? ";norefresh" : "";
  text += wish_.only_up ? Link(uri, other_up, "Show all servers")
                        : Link(uri, ";up" + other_up, "Hide servers that are down");
  text += Link(uri, ";csv", "CSV") + Link(uri, ";json", "JSON") +
          Link(uri, ";json-schema", "JSON schema") + "</p>\n";
}

void StatsHtml::BeginTable(std::string& text, const ProxyConfig& proxy) {
  table_ = &proxy;
  const std::string name = HtmlText(proxy.name);
  text += "<h3 id=\"" + name + "\"";
  if (stats().shows_legends) {
    text += " title=\"cap: " + proxy.kind +
            ", mode: " + (proxy.mode == Mode::kHttp ? "http" : "tcp") +
            ", id: " + std::to_string(proxy.id) + "\"";
  }
  text += ">" + name;
  if (!proxy.description.empty()) text += " <small>" + HtmlText(proxy.description) + "</small>";
  text += "</h3>\n";
  if (admin_) {
    text += "<form method=\"post\" action=\"" + HtmlText(stats().uri) +
            "\"><input type=\"hidden\" name=\"b\" value=\"" + name + "\">\n";
  }
  text += "<table>\n<thead>\n<tr>";
  if (admin_) text += "<th rowspan=\"2\"></th>";
  text += "<th rowspan=\"2\"></th>";
  for (const Group& group : kGroups) {
    text += "<th colspan=\"" + std::to_string(group.columns) + "\">";
    text += group.title;
    text += "</th>";
  }
  if (stats().shows_modules) text += "<th rowspan=\"2\">Modules</th>";
  text += "</tr>\n<tr>";
  for (const Cell& cell : kCells) {
    text += "<th>";
    text += cell.title;
    text += "</th>";
  }
  text += "</tr>\n</thead>\n<tbody>\n";
}

void StatsHtml::EndTable(std::string& text) {
  if (table_ == nullptr) return;
  text += "</tbody>\n</table>\n";
  if (admin_) {
    if (table_->is_backend && !table_->servers.empty()) text += StatsActionChoice();
    text += "</form>\n";
  }
  table_ = nullptr;
}

// What a row has to say beside its cells.
std::string StatsHtml::Title(const StatItem& item, const StatRow& row) const {
  std::string title;
  const auto add = [&title](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    if (!title.empty()) title += ", ";
    title += name;
    title += ": " + value;
  };
  if (stats().shows_legends) {
    if (item.server != nullptr) {
      add("IP", row.Get(C::addr));
      add("id", row.Get(C::sid));
    }
    add("cookie", row.Get(C::cookie));
    add("balancing", row.Get(C::algo));
  }
  add("check", row.Get(C::check_desc));
  add("last", row.Get(C::last_chk));
  return title;
}

void StatsHtml::SayRow(std::string& text, const StatItem& item) {
  const StatRow row = RowOf(item, StatFactsOf(stream_.worker()));
  text += "<tr class=\"";
  text += ClassOf(item, row.Get(C::status));
  if (item.server != nullptr && item.server->backup) text += " backup";
  text += "\">";
  if (admin_) {
    text += "<td>";
    if (item.server != nullptr) {
      const std::string name = HtmlText(item.server->name);
      text +=
          "<input type=\"checkbox\" name=\"s\" value=\"" + name + "\" aria-label=\"" + name + "\">";
    }
    text += "</td>";
  }
  const std::string title = Title(item, row);
  text += "<th scope=\"row\"";
  if (!title.empty()) text += " title=\"" + HtmlText(title) + '"';
  text += '>';
  text += item.server != nullptr ? HtmlText(item.server->name)
          : item.is_frontend     ? std::string("Frontend")
                                 : std::string("Backend");
  text += "</th>";
  for (const Cell& cell : kCells) {
    text += cell.is_text ? "<td class=\"text\">" : "<td>";
    text += HtmlText(Shown(row, cell.column)) + "</td>";
  }
  if (stats().shows_modules) {
    std::string more;
    for (const More& one : kMore) {
      if (row.Get(one.column).empty()) continue;
      if (!more.empty()) more += ", ";
      more += std::string(one.name) + '=' + row.Get(one.column);
    }
    text += "<td title=\"" + HtmlText(more) + "\">more</td>";
  }
  text += "</tr>\n";
}

TextStep StatsHtml::Run(std::string& text) {
  if (!head_said_) {
    if (!round_.Done()) return TextStep::kWait;
    SayHead(text);
    head_said_ = true;
  }
  StatItem item;
  while (walk_.Next(stream_.configuration(), &item)) {
    if (item.proxy != table_) {
      EndTable(text);
      BeginTable(text, *item.proxy);
    }
    SayRow(text, item);
    if (text.size() >= kTextPieceBytes) return TextStep::kMore;
  }
  EndTable(text);
  text += "</body>\n</html>\n";
  return TextStep::kDone;
}

}  // namespace engine
