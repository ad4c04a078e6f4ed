// stats_admin.h - what the form of a page of statistics changes (manual 4.2, stats admin): the same
// as the commands of the runtime command line do, through their own code.
//
// Owns:    the request's body, as far as it came; the command that is running.
// Threads: shard-local.
// Units:   bytes.
// Errors:  told as a code behind the address that the client is led back to: DENY, ERRP, EXCD...
// States:  reading the form -> running its commands one after another -> 303.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/applet/cli.h"
#include "engine/applet/text_service.h"

namespace engine {

class Stream;

// What a form says, decoded.
struct StatsForm {
  std::string action;
  std::string backend;
  std::vector<std::string> servers;
};
// False: no form (a '%' without two digits).
[[nodiscard]] bool ParseStatsForm(std::string_view body, StatsForm* form);
// The command that does `action` to "backend/server"; empty: there is no such action.
std::string StatsCommand(std::string_view action, std::string_view backend,
                         std::string_view server);
// A code in words.
std::string_view StatsResultText(std::string_view code);
// The choice of actions and the button, as HTML.
std::string StatsActionChoice();
// `from`, the value of Origin or Referer, names `host` (manual 4.2, stats admin).
bool IsSameHost(std::string_view from, std::string_view host);

class StatsChange final : public TextAnswer {
 public:
  StatsChange(shard::Applet& applet, Stream& stream, const ProxyConfig& page);
  void Take(shard::ByteQueue& input, bool ended) override;
  TextStep Run(std::string& text) override;

 private:
  // What is wrong with the request as a whole; empty: nothing.
  std::string_view Begin();
  TextStep End(std::string_view code);

  shard::Applet& applet_;
  Stream& stream_;
  const ProxyConfig& page_;
  const size_t body_max_;
  std::string body_;
  bool is_denied_ = false;
  bool is_too_long_ = false;
  bool ended_ = false;
  bool begun_ = false;
  std::vector<std::string> commands_;
  size_t next_ = 0;
  std::unique_ptr<Cli> cli_;  // of the command before `next_`
  std::string said_;          // by it
  size_t done_ = 0;
  size_t failed_ = 0;
};

}  // namespace engine
