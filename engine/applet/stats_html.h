// stats_html.h - the page of statistics as HTML: the process, then a table for each proxy.
//
// Owns:    how far it has come.
// Threads: shard-local.
// Units:   as `show stat` has them.
// Errors:  none.
// States:  asking the shards -> the head of the page -> tables -> over.
//
// It is HTML 5 without a script and without anything from elsewhere. All that the configuration or
// a server has said goes through HtmlText().

#pragma once

#include <string>
#include <string_view>

#include "engine/applet/process_info.h"
#include "engine/applet/stat_walk.h"
#include "engine/applet/stats_page.h"
#include "engine/applet/text_service.h"

namespace engine {

class Stream;

// For between tags, and for values of attributes that stand between double quotes.
std::string HtmlText(std::string_view text);

class StatsHtml final : public TextAnswer {
 public:
  StatsHtml(shard::Applet& applet, Stream& stream, const ProxyConfig& page, const StatsWish& wish,
            ServiceHead head);
  TextStep Run(std::string& text) override;

 private:
  void SayHead(std::string& text);
  void SayProcess(std::string& text);
  void SayLinks(std::string& text);
  void BeginTable(std::string& text, const ProxyConfig& proxy);
  void EndTable(std::string& text);
  void SayRow(std::string& text, const StatItem& item);
  std::string Title(const StatItem& item, const StatRow& row) const;
  const StatsConfig& stats() const { return *page_.stats; }

  Stream& stream_;
  const ProxyConfig& page_;
  const StatsWish wish_;
  const bool admin_;
  FactsRound round_;
  bool head_said_ = false;
  StatWalk walk_;
  const ProxyConfig* table_ = nullptr;  // that is open
};

}  // namespace engine
