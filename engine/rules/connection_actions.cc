#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "engine/config/diagnostics.h"
#include "engine/rules/actions.h"
#include "engine/server/expression_words.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "shard/conn/proxy_recv.h"
#include "shard/net/connector.h"

namespace engine {
namespace {

using shard::Address;
constexpr Places kConnectionAndRequest =
    ruleset::kTcpConnection | ruleset::kTcpSession | ruleset::kTcpContent | ruleset::kHttpRequest;
constexpr Places kToClient = kConnectionAndRequest | ruleset::kTcpResponse | ruleset::kHttpResponse;
constexpr Places kToServer = ruleset::kTcpContent | ruleset::kHttpRequest;

// set-src, set-dst and their ports. A rule on a connection changes it for good, with what fc_src
// and its kin say; one on a session without that, and one on a request for that stream. What gives
// no address or port changes nothing.
class SetAddress final : public RuleAction {
 public:
  SetAddress(Expression value, RuleStage stage, bool is_source, bool is_port)
      : value_(std::move(value)), stage_(stage), is_source_(is_source), is_port_(is_port) {}
  Verdict Run(RuleContext& context) const override {
    const Address old = is_source_ ? context.Source() : context.Destination();
    Address made;
    const bool is_made = is_port_ ? MakePort(context, old, &made) : MakeIp(context, old, &made);
    // No room: it would be taken for who it is not.
    return !is_made || Store(context, made) ? Verdict::kContinue : Verdict::kEnd;
  }

 private:
  bool MakeIp(RuleContext& context, const Address& old, Address* made) const {
    Sample sample;
    if (!value_.Run(context, sample) || !Cast(sample, SampleKind::kAddress, context.scratch())) {
      return false;
    }
    *made = sample.address;
    made->port = old.is_ip() ? old.port : uint16_t{0};
    return made->is_ip();
  }
  bool MakePort(RuleContext& context, const Address& old, Address* made) const {
    Sample sample;
    if (!value_.Run(context, sample) || !Cast(sample, SampleKind::kInteger, context.scratch())) {
      return false;
    }
    if (sample.number < 0 || sample.number > 65535) return false;
    *made = old.is_ip() ? old : Address::V4(0, 0);
    made->port = uint16_t(sample.number);
    return true;
  }
  bool Store(RuleContext& context, const Address& address) const {
    if (context.stream != nullptr) {
      is_source_ ? context.stream->SetSource(address) : context.stream->SetDestination(address);
      return true;
    }
    if (context.client == nullptr) return true;
    if (stage_ != RuleStage::kTcpConnection && !context.client->KeepOriginal()) return false;
    is_source_ ? context.client->SetPeerAddress(address) : context.client->SetLocalAddress(address);
    return true;
  }

  const Expression value_;
  const RuleStage stage_;
  const bool is_source_;
  const bool is_port_;
};

// expect-proxy, expect-netscaler-cip: what the client's connection has to begin with.
class ExpectHeader final : public RuleAction {
 public:
  explicit ExpectHeader(bool is_proxy) : is_proxy_(is_proxy) {}
  Verdict Run(RuleContext& context) const override {
    if (is_proxy_) {
      shard::ExpectProxyHeader(*context.client);
    } else if (!shard::ExpectNetscalerCip(*context.client, context.bind->cip_magic)) {
      return Verdict::kEnd;  // no room: it would be taken for who it is not
    }
    return Verdict::kContinue;
  }

 private:
  const bool is_proxy_;
};

// A number of the configuration or of each stream, from 0 to `max`.
class Number {
 public:
  Number() = default;
  explicit Number(int64_t constant) : constant_(constant) {}
  explicit Number(Expression expression) : expression_(std::move(expression)) {}
  bool Get(EvalContext& context, int64_t* number) const {
    *number = constant_;
    if (!expression_) return true;
    Sample sample;
    if (!expression_->Run(context, sample)) return false;
    if (!Cast(sample, SampleKind::kInteger, context.scratch())) return false;
    *number = sample.number;
    return true;
  }

 private:
  int64_t constant_ = 0;
  std::optional<Expression> expression_;
};

// What the kernel is to put on packets.
template <bool kIsMark>
class SetPacketMark final : public RuleAction {
 public:
  SetPacketMark(Number number, bool to_server)
      : number_(std::move(number)), to_server_(to_server) {}
  Verdict Run(RuleContext& context) const override {
    int64_t number = 0;
    if (number_.Get(context, &number) && number >= 0) Set(context, number);
    return Verdict::kContinue;
  }

 private:
  void Set(RuleContext& context, int64_t number) const {
    if (to_server_) {
      return kIsMark ? context.stream->SetMark(uint32_t(number))
                     : context.stream->SetTos(uint8_t(number));
    }
    if (context.client == nullptr) return;
    shard::Ring& ring = context.worker->context().ring();
    const int fd = context.client->fd();
    if (kIsMark) return shard::SetMark(ring, fd, uint32_t(number));
    // What does not fit the socket's family is refused by the kernel, and the other holds.
    shard::SetTos(ring, fd, AF_INET6, uint8_t(number));
  }

  const Number number_;
  const bool to_server_;
};

class SetRetries final : public RuleAction {
 public:
  explicit SetRetries(Number number) : number_(std::move(number)) {}
  Verdict Run(RuleContext& context) const override {
    int64_t number = 0;
    if (number_.Get(context, &number) && number >= 0 && number <= kMax) {
      context.stream->SetRetries(uint32_t(number));
    }
    return Verdict::kContinue;
  }
  static constexpr int64_t kMax = 100;

 private:
  const Number number_;
};

// Results beyond the range are cut to it (manual 4.4).
class SetPriority final : public RuleAction {
 public:
  SetPriority(Expression value, bool is_class) : number_(std::move(value)), is_class_(is_class) {}
  Verdict Run(RuleContext& context) const override {
    int64_t number = 0;
    if (!number_.Get(context, &number)) return Verdict::kContinue;
    const int64_t max = is_class_ ? 2047 : 524287;
    const auto cut = int32_t(std::clamp(number, -max, max));
    is_class_ ? context.stream->SetPriorityClass(cut) : context.stream->SetPriorityOffset(cut);
    return Verdict::kContinue;
  }

 private:
  const Number number_;
  const bool is_class_;
};

template <bool kIsSource, bool kIsPort>
std::unique_ptr<const RuleAction> MakeSetAddress(ActionUse& action) {
  std::optional<Expression> value;
  if (!action.TakeExpression(&value)) return nullptr;
  const SampleKind kind = kIsPort ? SampleKind::kInteger : SampleKind::kAddress;
  if (!IsCastable(value->gives(), kind)) {
    action.Refuse("this gives no " + std::string(kIsPort ? "port" : "address"));
    return nullptr;
  }
  return std::make_unique<SetAddress>(std::move(*value), action.stage, kIsSource, kIsPort);
}

// "12", "0x1F" or an expression.
std::optional<Number> TakeNumber(ActionUse& action, int64_t max) {
  std::string_view word;
  if (!action.TakeArgument("a number or an expression", &word)) return std::nullopt;
  const bool is_hex = word.starts_with("0x") || word.starts_with("0X");
  const std::string_view digits = is_hex ? word.substr(2) : word;
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (error == std::errc() && end == digits.data() + digits.size()) {
    if (number >= 0 && number <= max) return Number(number);
    action.Refuse("a number from 0 to " + std::to_string(max) + " is expected");
    return std::nullopt;
  }
  std::optional<Expression> expression =
      ParseExpression(action.context, action.use, action.next - 1, action.offers);
  if (!expression) return std::nullopt;
  return Number(std::move(*expression));
}

template <bool kIsMark, bool kOfServer>
std::unique_ptr<const RuleAction> MakeSetPacketMark(ActionUse& action) {
  std::optional<Number> number = TakeNumber(action, kIsMark ? UINT32_MAX : 255);
  if (!number) return nullptr;
  return std::make_unique<SetPacketMark<kIsMark>>(std::move(*number), kOfServer);
}

std::unique_ptr<const RuleAction> MakeSetRetries(ActionUse& action) {
  if (!action.context.proxy->config->is_backend) {
    action.RefuseWord("needs a proxy with the backend capability");
    return nullptr;
  }
  std::optional<Number> number = TakeNumber(action, SetRetries::kMax);
  if (!number) return nullptr;
  return std::make_unique<SetRetries>(std::move(*number));
}

template <bool kIsClass>
std::unique_ptr<const RuleAction> MakeSetPriority(ActionUse& action) {
  std::optional<Expression> value;
  if (!action.TakeExpression(&value)) return nullptr;
  return std::make_unique<SetPriority>(std::move(*value), kIsClass);
}

template <bool kIsProxy>
std::unique_ptr<const RuleAction> MakeExpect(ActionUse& action) {
  std::string_view layer;
  if (!action.TakeArgument("'layer4'", &layer)) return nullptr;
  if (layer == "layer4") return std::make_unique<ExpectHeader>(kIsProxy);
  action.Refuse("expects 'layer4'");
  return nullptr;
}

constexpr ActionSpec kConnectionActions[] = {
    {"expect-netscaler-cip", ruleset::kTcpConnection, &MakeExpect<false>},
    {"expect-proxy", ruleset::kTcpConnection, &MakeExpect<true>},
    {"set-bc-mark", kToServer, &MakeSetPacketMark<true, true>},
    {"set-bc-tos", kToServer, &MakeSetPacketMark<false, true>},
    {"set-dst", kConnectionAndRequest, &MakeSetAddress<false, false>},
    {"set-dst-port", kConnectionAndRequest, &MakeSetAddress<false, true>},
    {"set-fc-mark", kToClient, &MakeSetPacketMark<true, false>},
    {"set-fc-tos", kToClient, &MakeSetPacketMark<false, false>},
    {"set-mark", kToClient, &MakeSetPacketMark<true, false>},
    {"set-priority-class", kToServer, &MakeSetPriority<true>},
    {"set-priority-offset", kToServer, &MakeSetPriority<false>},
    {"set-retries", kToServer, &MakeSetRetries},
    {"set-src", kConnectionAndRequest, &MakeSetAddress<true, false>},
    {"set-src-port", kConnectionAndRequest, &MakeSetAddress<true, true>},
    {"set-tos", kToClient, &MakeSetPacketMark<false, false>},
};

}  // namespace

std::span<const ActionSpec> ConnectionActions() { return kConnectionActions; }

}  // namespace engine
