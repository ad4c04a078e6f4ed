// show errors [<iid>|<proxy>] [request|response] (management 9.3).

#include <ctime>
#include <map>

#include "base/clock.h"
#include "base/text.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/applet/invalid_text.h"

namespace engine {
namespace {

struct Filter {
  const ProxyConfig* proxy = nullptr;  // null: all
  bool requests = true;
  bool responses = true;
};

// By name: during a reload a shard may have another configuration than the one who asks.
bool IsSame(const ProxyConfig& one, const ProxyConfig& other) {
  return one.name == other.name && one.is_frontend == other.is_frontend;
}

class CollectInvalid final : public Question {
 public:
  explicit CollectInvalid(const Filter& filter) : filter_(filter) {}
  void Answer(Worker& asked) override {
    for (const auto& proxy : asked.configuration().proxies) {
      if (filter_.proxy != nullptr && !IsSame(*filter_.proxy, *proxy)) continue;
      for (const bool is_response : {false, true}) {
        if (!(is_response ? filter_.responses : filter_.requests)) continue;
        if (InvalidMessage* one = asked.invalid_messages().Find(*proxy, is_response)) {
          found.push_back(*one);
        }
      }
    }
  }
  std::vector<InvalidMessage> found;

 private:
  const Filter filter_;
};

// Keeps the latest of all shards, then says one after the other.
class ShowErrors final : public AskShards<CollectInvalid> {
 public:
  ShowErrors(Cli& cli, const Filter& filter) : AskShards(cli), filter_(filter) {}

 private:
  std::unique_ptr<CollectInvalid> Make() override {
    return std::make_unique<CollectInvalid>(filter_);
  }
  bool Take(Cli&, CollectInvalid& answered) override {
    for (InvalidMessage& one : answered.found) {
      const auto key = std::make_pair(one.proxy.id, one.is_response);
      const auto [kept, is_new] = latest_.try_emplace(key, one);
      if (!is_new && kept->second.number < one.number) kept->second = std::move(one);
    }
    return false;
  }
  CliStep Finish(Cli& cli) override {
    if (!began_) {
      began_ = true;
      const uint64_t count = cli.worker().shared().invalid_messages.load(std::memory_order_relaxed);
      cli.SayLine("Total events captured on [" + CliDate(base::WallMicros()) +
                  "] : " + std::to_string(count));
      return latest_.empty() ? CliStep::kDone : CliStep::kAgain;
    }
    const auto first = latest_.begin();
    // An empty line would be the end of the answer.
    cli.SayLine(" ");
    cli.SayLine(InvalidText(first->second));
    latest_.erase(first);
    return latest_.empty() ? CliStep::kDone : CliStep::kAgain;
  }

  const Filter filter_;
  std::map<std::pair<uint32_t, bool>, InvalidMessage> latest_;
  bool began_ = false;
};

}  // namespace

std::unique_ptr<CliCommand> StartShowErrors(Cli& cli, const CliCall& call) {
  Filter filter;
  std::string_view which = call.argument(0);
  if (which != "request" && which != "response" && !which.empty()) {
    which = call.argument(1);
    const std::optional<int64_t> id = base::ParseSigned(call.argument(0));
    for (const auto& proxy : cli.worker().configuration().proxies) {
      if (proxy->is_internal) continue;
      if (id ? *id == int64_t(proxy->id) : proxy->name == call.argument(0)) {
        filter.proxy = proxy.get();
        break;
      }
    }
    if (filter.proxy == nullptr && !(id && *id == -1)) {
      cli.SayLine("No such proxy.");
      return nullptr;
    }
  }
  if (which == "request") filter.responses = false;
  if (which == "response") filter.requests = false;
  return std::make_unique<ShowErrors>(cli, filter);
}

}  // namespace engine
