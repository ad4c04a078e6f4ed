// build_context.h - what the keyword handlers work on while a Tree becomes a Configuration.
//
// Owns:    the drafts: what a section said and what can only be checked once every section is read.
// Threads: start-up.
// Units:   none of its own.
// Errors:  handlers report into the KeywordUse's Diagnostics and return false.
// States:  none. `proxy`, `bind` and `server` point at what is being built, null outside it.
//
//   keywords.Add({"retries", scope::kDefaults | scope::kBackend | scope::kListen},
//                [](BuildContext& context, KeywordUse& use) {
//                  return HasArguments(use, 1, 1) &&
//                         TakeArgument(use, 0, ParseInteger(use.argument(0), 0, 1000),
//                                      context.proxy->config->retries);
//                });

#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/keywords.h"
#include "engine/config/tree.h"
#include "engine/config/value.h"
#include "engine/expr/arguments.h"
#include "engine/server/builder.h"
#include "engine/server/capture_draft.h"
#include "engine/server/check_draft.h"
#include "engine/server/log_draft.h"
#include "engine/server/proxy_config.h"
#include "engine/server/thread_set.h"

namespace engine {

class AclTable;
struct ProxyRules;
struct RuleReply;

// A word of the tree, for a check that comes later. Null when there was none.
struct WordPlace {
  const Line* line = nullptr;
  size_t word = 0;

  explicit operator bool() const { return line != nullptr; }
  std::string_view text() const { return line->text(word); }
  Location At() const { return line->At(word); }
};

using HttpReplies = std::map<uint16_t, std::shared_ptr<const HttpReply>>;

// One change to the replies of a proxy, in the order of the lines: http-errors sections may follow
// the proxies that name them.
struct ReplyStep {
  uint16_t status = 0;  // 0: every one of `section`
  WordPlace status_word;
  WordPlace section;  // name of an http-errors section
  std::shared_ptr<const HttpReply> reply;
  // Neither a section nor a reply: what was said before is forgotten.
};

// A reply to be measured once tune.bufsize is known.
struct ReplySize {
  WordPlace place;
  size_t bytes = 0;
};

// An http-errors section.
struct HttpErrors {
  const Line* header = nullptr;
  HttpReplies replies;
};

// A proxy or server that an expression names: it may stand behind it.
struct NamedByExpression {
  WordPlace place;
  ArgumentType type = ArgumentType::kString;
  std::string name;
};

// A rule of a frontend that fills a slot by its number: other lines declare it.
struct CaptureById {
  WordPlace place;
  uint32_t slot = 0;
  bool of_response = false;
};

// A proxy while it is read. Settings that a later line may overrule are judged at the end, so that
// `defaults` may hold a value that no proxy keeps.
struct ProxyDraft {
  ProxyDraft();
  ~ProxyDraft();
  const Section* section = nullptr;
  ProxyConfig* config = nullptr;
  // Every line that makes it up was found and understood, inherited ones as well: what is missing
  // was not written.
  bool is_whole = true;
  bool has_bind_line = false;  // good or not
  WordPlace mode;              // of a mode that does not work yet
  WordPlace balance;           // of an algorithm that does not work yet
  SourceConfig source;         // the proxy's, for servers without one
  WordPlace id;
  WordPlace default_backend;
  std::vector<WordPlace> use_backends;  // of rules->use_backend, in order
  std::vector<WordPlace> use_servers;   // of rules->use_server
  std::unique_ptr<AclTable> acls;       // null: none
  // The rule line that runs last of those read so far, by its place in the manual's order.
  uint32_t latest_rule = 0;
  std::string_view latest_rule_words;
  std::shared_ptr<ProxyRules> rules;  // null: none
  // Replies of rules that name an http-errors section.
  std::vector<std::pair<ReplyStep, std::shared_ptr<RuleReply>>> late_replies;
  // Option settings that `server` lines start from; "" is the unnamed default-server.
  std::map<std::string, ServerConfig, std::less<>> server_defaults;
  std::vector<WordPlace> server_ids;  // by server index; null: not given
  std::vector<WordPlace> bind_ids;    // by bind index
  std::vector<ReplyStep> reply_steps;
  bool has_abort_on_close = false;  // said, so that the mode does not decide
  LogDraft log;
  CaptureDraft captures;
  std::vector<CaptureById> captures_by_id;
  LogFormatDraft unique_id;
  WordPlace unique_id_header;
  CheckDraft check;
  std::shared_ptr<StatsConfig> stats;  // null: no line of `stats`
  bool has_own_stats = false;          // not of `defaults`
  WordPlace stats_auth;                // or `stats realm`
  WordPlace stats_rule;                // of `stats http-request`
};

// `thread` of a bind line: the number of threads is known only when everything was read.
struct ThreadWord {
  BindConfig* bind = nullptr;
  WordPlace place;
};

// A `default-path` line: it holds for the lines after it.
struct DefaultPath {
  enum class Policy : uint8_t { kCurrent, kConfig, kParent, kOrigin };
  const Line* line = nullptr;
  Policy policy = Policy::kCurrent;
  std::string origin;
};

struct BuildContext {
  const BuildOptions& options;
  const Tree& tree;
  const BuildKeywords& keywords;
  Configuration& configuration;
  Diagnostics& diagnostics;
  // Answers already given: a file names the same host many times, and a resolver may be slow.
  std::map<std::string, Parsed<shard::Address>, std::less<>> resolved;
  std::list<ProxyDraft> drafts;
  std::set<const Section*> partial_defaults;  // defaults sections that are not whole
  std::vector<ThreadWord> thread_words;
  // A guid that somebody has; with `bind` the beginning of those of its listeners.
  struct GuidWord {
    WordPlace place;
    const BindConfig* bind = nullptr;
  };
  std::vector<GuidWord> guid_words;
  WordPlace sandbox_word;                    // the argument of tune.sandbox
  uint32_t thread_hard_limit = 0;            // 0: not given
  std::unique_ptr<ProxyConfig> stats_proxy;  // of all `stats socket` lines; null: none
  CpuMap cpu_map;
  std::vector<DefaultPath> default_paths;  // in the order of the lines
  LogDraft log;                            // of the global section
  std::map<std::string, HttpErrors, std::less<>> http_errors;
  HttpErrors* http_errors_section = nullptr;  // being read; null outside one
  std::vector<ReplySize> reply_sizes;
  std::vector<NamedByExpression> named_by_expressions;
  // Replies of files, by path: lines of `defaults` are read again for every proxy.
  std::map<std::string, Parsed<std::shared_ptr<const HttpReply>>, std::less<>> reply_files;
  std::map<std::string, std::string, std::less<>> case_adjust_file;  // the last h1-case-adjust-file

  CrtStore* crt_store = nullptr;            // being read; null outside one
  CertificateWords* certificate = nullptr;  // of the line of it
  Userlist* userlist = nullptr;             // being read; null outside one
  struct GroupUsers {
    std::string group;
    std::vector<std::string> users;
    WordPlace place;
  };
  std::vector<GroupUsers> group_users;  // of that list
  std::vector<WordPlace> group_words;
  // Names of userlists that expressions look into.
  struct UserlistWord {
    WordPlace place;
    std::string name;
  };
  std::vector<UserlistWord> userlist_words;
  std::vector<WordPlace> profile_words;  // names of log-profiles, of `do-log`

  ProxyDraft* proxy = nullptr;
  BindConfig* bind = nullptr;
  ServerConfig* server = nullptr;
  WordPlace option_id;        // `id` of the bind or server line being read
  bool is_inherited = false;  // the line stands in a defaults section and is applied to a proxy
};

// `hash` of lines with one more, whose words from `first` on count.
uint64_t HashWith(uint64_t hash, const Line& line, size_t first = 0);

inline GlobalConfig& Global(BuildContext& context) { return context.configuration.global; }
// Of the proxy that is being read.
inline ProxyConfig& Config(BuildContext& context) { return *context.proxy->config; }

SourcePlace PlaceOf(const Line& line);
// Points at a place kept in a Configuration, without its text.
Location At(const SourcePlace& place);

// Reports "'keyword': message" under an argument of the use; always false. Without a hint it says
// where an argument came from that does not stand in the file.
bool Refuse(const KeywordUse& use, size_t argument, std::string_view message,
            std::string_view hint = {});
// Reports a wrong number of arguments. On an option line only the lower bound can be checked.
bool HasArguments(const KeywordUse& use, size_t arguments_min, size_t arguments_max,
                  std::string_view expected = "an argument");

// Stores an argument, or reports it.
template <typename From, typename To>
bool TakeArgument(const KeywordUse& use, size_t argument, const Parsed<From>& parsed, To& out) {
  if (!parsed) return Refuse(use, argument, parsed.error);
  out = static_cast<To>(parsed.value);
  return true;
}

// `description`: the words of the line, with single spaces between.
bool TakeDescription(const KeywordUse& use, std::string& out);

// The ids of the system's user and group database, or an error such as "no such user 'x'".
Parsed<int64_t> FindUser(std::string_view name);
Parsed<int64_t> FindGroup(std::string_view name);

// The address of `word`; a name is asked for once per Build().
Parsed<shard::Address> Resolve(BuildContext& context, const AddressWord& word);

}  // namespace engine
