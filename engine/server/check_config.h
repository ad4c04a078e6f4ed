// check_config.h - how the health of servers is checked: the rules of a backend, the settings of
// a server line.
//
// Owns:    its rules and texts.
// Threads: start-up while it is built, then immutable.
// Units:   milliseconds; bytes; counts of checks.
// Errors:  reported by the keywords.
// States:  none. What checks have found out is ServerHealth.
//
// Every check is a list of rules that are done in order: connect, send, expect. The named checks of
// the language (`option redis-check` and its kin) are such lists that we bring along.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/expr/regex.h"
#include "engine/expr/variables.h"
#include "engine/server/check_status.h"
#include "engine/server/rule_text.h"
#include "engine/server/server_health.h"
#include "shard/conn/proxy_send.h"
#include "shard/net/address.h"

namespace engine {

// Which `option ...-check` is in force.
enum class CheckKind : uint8_t {
  kConnect,   // none
  kTcp,       // option tcp-check
  kHttp,      // option httpchk
  kProtocol,  // a list of ours
  kExternal,  // option external-check
};

struct ExpectRule;

// What a rule of ours has found, beside whether it matched.
struct ExpectNote {
  CheckStatus status = CheckStatus::kL7Response;  // of a failure
  int32_t code = 0;
  std::string text;
  bool is_conditional = false;  // a match that says: no new sessions
};

enum class ExpectResult : uint8_t { kMatch, kFailed, kNeedMore };

// `is_final`: nothing more will come.
using ExpectFunction = ExpectResult (*)(std::string_view bytes, bool is_final, ExpectNote* note);

struct HeaderPattern {
  enum class Match : uint8_t { kAny, kExact, kBegin, kEnd, kPart, kRegex };
  Match match = Match::kAny;
  std::string text;
  std::shared_ptr<const Regex> regex;
};

struct ExpectRule {
  enum class Match : uint8_t {
    kString,  // of the bytes received
    kBinary,
    kRegex,
    kBinaryRegex,  // of their hexadecimal digits
    kStatus,       // of an HTTP answer
    kStatusRegex,
    kHeader,      // each value of a list
    kFullHeader,  // the whole value
    kBody,
    kBodyRegex,
    kFunction,  // of ours
  };
  Match match = Match::kString;
  bool negated = false;
  int32_t min_recv = -1;  // bytes; -1: not given
  std::string pattern;
  std::shared_ptr<const Regex> regex;
  std::vector<std::pair<uint16_t, uint16_t>> codes;  // both ends included
  HeaderPattern header_name;
  HeaderPattern header_value;
  ExpectFunction function = nullptr;
  CheckStatus ok_status = CheckStatus::kL7Ok;
  CheckStatus error_status = CheckStatus::kL7Response;
  bool error_status_given = false;
  CheckStatus timeout_status = CheckStatus::kL7Timeout;
  // Texts and a number made once it is known how the rule ended.
  RuleText on_success;  // empty: not given
  RuleText on_error;
  std::optional<Expression> status_code;
};

// `http-check send`.
struct CheckRequest {
  std::string method = "OPTIONS";
  std::string uri = "/";
  std::string version = "HTTP/1.0";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

// What may stand in its first line and behind the name of a field: it must stay one request.
bool IsCheckUri(std::string_view text);
bool IsCheckValue(std::string_view text);

// A text of a rule that is made for each check.
struct CheckFormat {
  enum class Part : uint8_t {
    kBytes,
    kHexBytes,
    kUri,
    kField,  // the value of fields[field]
    kBody,
    kPattern,
    kHexPattern,
    kHeaderName,
    kHeaderValue,
  };
  Part part = Part::kBytes;
  size_t field = 0;
  RuleText text;
};

// `set-var`, `set-var-fmt`, `unset-var`.
struct CheckVariable {
  VariableUpdate update;
  std::optional<Expression> value;
  RuleText text;  // without a `value`
  bool unset = false;
};

struct CheckRule {
  enum class Kind : uint8_t { kConnect, kSend, kSendRequest, kExpect, kComment, kVariable };
  Kind kind = Kind::kConnect;
  uint16_t step = 0;    // as messages count; 0: was not written
  std::string comment;  // its own, or of the comment rule before it
  // kConnect
  shard::Address address;  // empty: the server's
  uint16_t port = 0;       // 0: the server's
  std::optional<Expression> port_value;
  bool send_proxy = false;
  bool with_defaults = false;  // the server line's settings hold where the rule says nothing
  bool linger = false;         // its connection ends in order, not by a reset
  bool over_tls = false;       // `ssl`
  std::string sni;             // empty: none, or what the server line says
  // kSend
  std::string bytes;
  // kSendRequest
  CheckRequest request;
  // kExpect
  ExpectRule expect;
  // kVariable
  std::shared_ptr<const CheckVariable> variable;
  // They take the place of the texts above.
  std::vector<CheckFormat> formats;
};

// Of one backend.
struct CheckRules {
  CheckKind kind = CheckKind::kConnect;
  std::vector<CheckRule> rules;  // nothing but variables and comments before a connect
  bool disable_on_404 = false;
  bool send_state = false;
  std::string command;       // external-check command
  std::string command_path;  // external-check path
};

enum class Observe : uint8_t { kNothing, kLayer4, kLayer7 };
enum class OnError : uint8_t { kFastInter, kFailCheck, kSuddenDeath, kMarkDown };

// Where a check connects to, when that is not where traffic goes. It can be changed at run time.
struct CheckTarget {
  shard::Address address;  // empty: the server's
  uint16_t port = 0;       // 0: the server's
};

// What an operator has said that an agent is to be asked with.
struct AgentSend {
  static constexpr size_t kTextBytesMax = 1020;

  bool is_said = false;  // else what the configuration says holds
  uint16_t bytes = 0;
  char text_[kTextBytesMax] = {};

  std::string_view text() const { return {text_, bytes}; }
  // False: it is too long.
  [[nodiscard]] bool Say(std::string_view text) {
    if (text.size() > kTextBytesMax) return false;
    is_said = true;
    bytes = uint16_t(text.copy(text_, kTextBytesMax));
    return true;
  }
};

// Of a server line.
struct CheckConfig {
  bool enabled = false;  // check
  uint32_t inter_ms = 2000;
  uint32_t fastinter_ms = 0;  // 0: inter
  uint32_t downinter_ms = 0;
  uint32_t rise = 2;
  uint32_t fall = 3;
  CheckTarget target;       // addr, port
  bool send_proxy = false;  // check-send-proxy
  bool over_tls = false;    // through the server's check_tls_context
  std::string sni;          // check-sni
  bool sni_auto = true;     // else from the Host field of the request
  InitState init = InitState::kNone;
  Observe observe = Observe::kNothing;
  uint32_t error_limit = 10;
  OnError on_error = OnError::kFailCheck;
  bool shuts_sessions_down = false;         // on-marked-down shutdown-sessions
  bool shuts_backup_sessions_down = false;  // on-marked-up shutdown-backup-sessions

  bool agent_enabled = false;  // agent-check
  uint32_t agent_inter_ms = 2000;
  CheckTarget agent_target;  // its address empty: the one of `addr`, then the server's
  std::string agent_send;

  // What the connection is announced with, where it is (send-proxy).
  shard::ProxySendOptions announce;
  uint32_t ordinal = 0;  // among the checked servers; it gives the home shard
  std::string track;     // [BACKEND/]SERVER, as written; empty: follows nobody

  HealthRules health_rules() const {
    return {.rise = rise,
            .fall = fall,
            .init = init,
            .is_checked = enabled,
            .has_agent = agent_enabled};
  }
};

}  // namespace engine
