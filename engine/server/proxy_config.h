// proxy_config.h - what a configuration says, as immutable objects: global settings, proxies,
// binds, servers.
//
// Owns:    a Configuration owns everything in it. It is built once at start or reload and never
//          changes after.
// Threads: start-up while it is built, then immutable.
// Units:   milliseconds (0: no limit, as an unset timeout), bytes, connections.
// Errors:  reported into Diagnostics by the builders; a Configuration that exists is whole.
// States:  none. What changes at run time (health, weight set by hand, counters) is ServerState and
//          BackendState.
//
// A `listen` section is a proxy with both halves, so there is one ProxyConfig for frontend, backend
// and listen.

#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/own_heap.h"
#include "engine/log/log_plan.h"
#include "engine/server/balance_config.h"
#include "engine/server/check_config.h"
#include "engine/server/http_config.h"
#include "engine/server/rule_text.h"
#include "engine/server/source_config.h"
#include "engine/server/source_place.h"
#include "engine/server/start_variables.h"
#include "engine/server/tls_config.h"
#include "shard/conn/proxy_send.h"
#include "shard/conn/target.h"
#include "shard/net/address.h"
#include "shard/net/keep_alive.h"

namespace tls {
class Context;
}

namespace engine {

class Environment;
class Generation;
struct HttpProfile;
struct KeepPlan;
struct ProxyConfig;
struct LogProfile;
struct ProxyLog;
struct ProxyRules;
struct StatsConfig;
class Userlist;
class ServerState;
class BackendState;

// What commands of a `stats socket` may do (manual 5.1, level); each includes those before it.
enum class CliLevel : uint8_t { kUser, kOperator, kAdmin };

enum class Mode : uint8_t { kTcp, kHttp };

struct Timeouts {
  uint32_t connect_ms = 0;
  uint32_t client_ms = 0;
  uint32_t server_ms = 0;
  uint32_t tunnel_ms = 0;
  uint32_t client_hs_ms = 0;  // unset: client_ms (manual 4.2, timeout client-hs)
  uint32_t client_fin_ms = 0;
  uint32_t server_fin_ms = 0;
  uint32_t queue_ms = 0;   // unset: connect_ms (manual 4.2, timeout queue)
  uint32_t check_ms = 0;   // unset: a check has its interval for everything
  uint32_t tarpit_ms = 0;  // unset: connect_ms (manual 4.2, timeout tarpit)
};

// How a server's name finds its address at the start (manual 5.2, init-addr), in turn.
enum class AddressSource : uint8_t { kLast, kLibc, kNone, kGiven };
struct InitAddress {
  std::vector<AddressSource> sources = {AddressSource::kLast, AddressSource::kLibc};
  shard::Address given;
};

// load-server-state-from-file
enum class SavedStatesFrom : uint8_t { kNone, kGlobal, kLocal };

// `set-proxy-v2-tlv-fmt` with expressions (manual 5.2).
struct MadeTlv {
  uint8_t type = 0;
  RuleText value;
};

// What `proxy-v2-options` and its kin have a PROXY header say of a client (manual 5.2).
struct ClientFacts {
  bool tls = false;  // version of TLS, and whether a certificate was shown
  bool common_name = false;
  bool cipher = false;
  bool signature = false;  // of our certificate
  bool key = false;
  bool authority = false;  // the name that the client asked for
  bool unique_id = false;  // the stream's (unique-id-format)
  std::vector<MadeTlv> made;
  // Whether any of it is known of the client's connection alone.
  bool of_tls() const { return tls || common_name || cipher || signature || key || authority; }
  bool any() const { return of_tls() || unique_id || !made.empty(); }
  // As TLVs. Values that are made may pass on those of the client's own header, which have up to
  // 1024 bytes each; without any option it is the name of a protocol.
  size_t bytes_max() const { return !made.empty() ? 4096 : any() ? 1024 : 3 + 255; }
};
inline constexpr size_t kClientFactsBytesMax = 4096;  // of any server

// `server` (manual 5.2).
struct ServerConfig final : shard::ServerTarget {
  std::string name;
  uint32_t id = 0;           // unique in its backend, from 1
  bool id_is_given = false;  // by `id`
  SourcePlace place;
  ProxyConfig* backend = nullptr;
  uint32_t index = 0;  // among the backend's servers, in order of appearance
  shard::Address address;
  std::string unix_path;    // what address.local.path points to
  std::string host;         // the name that was resolved; empty: none was
  bool has_address = true;  // false: it is in maintenance until it is given one
  // What the configuration says, where the file of saved states has said another `address`.
  std::optional<shard::Address> moved_from;
  const shard::Address& configured_address() const { return moved_from ? *moved_from : address; }
  InitAddress init_address;
  sockaddr_storage socket_address{};
  socklen_t socket_address_length = 0;
  uint32_t weight = 1;  // 0..256 (manual 5.2, weight)
  bool backup = false;
  HashKey hash_key = HashKey::kId;
  std::string guid;        // empty: none
  uint64_t text_hash = 0;  // of its line, and those of `default-server` it starts from
  bool disabled = false;
  uint32_t maxconn = 0;
  uint32_t minconn = 0;       // with it, the limit follows the backend's load (manual 5.2, minconn)
  uint32_t maxqueue = 0;      // 0: no limit
  uint32_t slowstart_ms = 0;  // how long it takes to run at full speed once it is back; 0: at once
  bool limited() const { return maxconn != 0 || minconn != 0; }
  // Idle connections kept for reuse (manual 5.2); -1: no limit.
  int32_t pool_max_conn = -1;
  uint32_t pool_low_conn = 0;
  uint32_t pool_purge_delay_ms = 5000;
  int32_t max_reuse = -1;
  SourceConfig source;
  // `0.0.0.0`, `*`: the address the client's connection was made to; no port, or `+N`, `-N`: the
  // port it was made to, moved by `port_offset` (manual 4.2, server).
  bool follows_address = false;
  bool follows_port = false;
  int32_t port_offset = 0;
  uint32_t tcp_user_timeout_ms = 0;  // tcp-ut
  std::string cookie;                // stands for the server in cookies; empty: none is set for it
  std::string redirect_prefix;       // `redir`; empty: requests are forwarded
  bool send_proxy_v1 = false;        // `send-proxy`
  bool send_proxy_v2 = false;        // `send-proxy-v2`, which wins
  shard::ProxySendOptions announce;
  ClientFacts client_facts;  // what its header says of the client beside the addresses
  ServerTls tls;
  std::shared_ptr<const tls::Context> tls_context;  // null: plain
  // Of its checks: where they go through TLS, or some rule of theirs does.
  std::shared_ptr<const tls::Context> check_tls_context;
  CheckConfig check;
  ServerConfig* tracked = nullptr;      // whose state it has (track)
  std::vector<ServerConfig*> trackers;  // that have its state
  ServerState* state = nullptr;         // found by name when the configuration is put to use
};

// `bind` (manual 5.1). One BindConfig per line; one BindAddress per socket it asks for.
struct BindAddress {
  shard::Address address;
  std::string unix_path;  // what address.local.path points to
  int inherited_fd = -1;  // `fd@N`

  // "unix@/path", "ipv4@127.0.0.1:9999": for `show cli sockets` and HAPROXY_CLI. Empty for an
  // inherited descriptor.
  std::string Name() const;
};
struct BindShardPart;

struct BindConfig {
  std::string name;
  std::string guid_prefix;  // its listeners have no counters of their own
  uint32_t id = 0;          // unique in its frontend, from 1
  bool id_is_given = false;
  SourcePlace place;
  uint64_t text_hash = 0;  // of its line but the addresses
  ProxyConfig* frontend = nullptr;
  BindShardPart* parts = nullptr;  // by shard; the frontend's state has them
  std::vector<BindAddress> addresses;
  uint32_t backlog = 0;  // 0: the proxy's
  uint32_t maxconn = 0;  // 0: no limit of its own
  std::string interface;
  bool v4v6 = false;
  bool v6only = false;
  int mode = -1;  // of a unix socket; -1: as umask says
  int64_t uid = -1;
  int64_t gid = -1;
  uint32_t shards = 0;            // `shards`: 0 by-thread (default), N sockets
  std::vector<uint32_t> threads;  // shards that accept, from 0; empty: all
  int32_t mss = 0;  // of the listening socket; negative: accepted ones have that much less
  bool tcp_fast_open = false;
  bool defer_accept = false;
  bool transparent = false;          // takes connections to addresses that are not the machine's
  uint32_t tcp_user_timeout_ms = 0;  // tcp-ut
  uint32_t tcp_save_syn = 0;         // tcp-ss: 0 to 2
  CliLevel level = CliLevel::kOperator;  // of a `stats socket`
  bool expose_listeners = false;         // `expose-fd listeners`, of a `stats socket`
  bool is_masters = false;               // no address: the master of -W brings the connections
  bool accept_proxy = false;
  bool accept_cip = false;  // `accept-netscaler-cip`
  uint32_t cip_magic = 0;
  BindTls tls;
  std::shared_ptr<const tls::Context> tls_context;  // null: plain
};

// frontend, backend or listen, with `defaults` applied.
struct ProxyConfig {
  std::string name;
  std::string kind;  // "frontend", "backend", "listen": for messages
  uint32_t id = 0;
  bool id_is_given = false;  // by `id`
  SourcePlace place;
  std::string description;
  bool is_frontend = false;
  bool is_backend = false;
  bool disabled = false;
  // Made by the builder for sockets of the process itself: no section, not in listings, not held to
  // the global maxconn, so that an operator gets in when everything is full.
  bool is_internal = false;
  Mode mode = Mode::kTcp;
  // A client's bytes may become HTTP on their way to a backend, but not the other way (manual 4).
  bool MayLeadTo(const ProxyConfig& backend) const {
    return mode == backend.mode || mode == Mode::kTcp;
  }
  Timeouts timeouts;
  SavedStatesFrom saved_states = SavedStatesFrom::kNone;
  std::string guid;                    // empty: none
  std::string server_state_file_name;  // empty: the backend's name
  // Both halves' options.
  bool tcpka_client = false;             // option clitcpka, tcpka
  bool tcpka_server = false;             // option srvtcpka, tcpka
  shard::KeepAliveProbes client_probes;  // clitcpka-idle and its kin
  shard::KeepAliveProbes server_probes;  // srvtcpka-idle and its kin
  bool smart_connect = false;            // option tcp-smart-connect
  // option tcp-smart-accept: without it, mode http has it.
  std::optional<bool> smart_accept;
  bool accepts_smartly() const { return smart_accept.value_or(mode == Mode::kHttp); }
  bool nolinger = false;
  bool dont_log_null = false;  // option dontlognull
  bool splice_auto = false;    // option splice-auto: large transfers, both ways
  bool splice_request = false;
  bool splice_response = false;
  bool splices() const { return splice_auto || splice_request || splice_response; }
  std::shared_ptr<const ProxyLog> log;  // null: nothing is logged
  // What a stream keeps for its log line, and its unique id; null: nothing. Of frontends.
  std::shared_ptr<const KeepPlan> keep;
  std::string unique_id_header;  // empty: none is added

  HttpConfig http;                                  // both halves; only with mode http
  std::shared_ptr<const HttpProfile> http_profile;  // made when the configuration is put to use
  std::shared_ptr<const ProxyRules> rules;          // null: none, of neither half
  std::shared_ptr<const StatsConfig> stats;         // null: no page; only with mode http

  // The frontend half.
  std::vector<std::unique_ptr<BindConfig>> binds;
  uint32_t maxconn = 0;              // 0: the global one
  uint32_t backlog = 0;              // 0: maxconn
  uint32_t sessions_per_second = 0;  // rate-limit sessions; 0: no limit
  ProxyConfig* default_backend = nullptr;
  // Of the sockets of the process itself: an applet answers in the server's place.
  const shard::AppletType* service = nullptr;

  // The backend half.
  BalanceAlgorithm balance = BalanceAlgorithm::kRandom;  // manual 4.2, balance
  uint32_t balance_random_draws = 2;
  HashConfig hash;
  // Weights are what was configured, or 0 (manual 4.2, static-rr and hash-type map-based).
  bool has_static_weights() const {
    return balance == BalanceAlgorithm::kStaticRoundRobin ||
           (balance == BalanceAlgorithm::kHash && hash.method == HashMethod::kMapBased);
  }
  bool all_backups = false;  // option allbackups
  std::vector<std::unique_ptr<ServerConfig>> servers;
  std::shared_ptr<const CheckRules> checks;  // null: a connection is enough
  bool log_health_checks = false;            // option log-health-checks
  uint32_t retries = 3;
  bool redispatch = false;
  bool persist = false;                          // option persist
  std::shared_ptr<const Expression> rdp_cookie;  // persist rdp-cookie; null: none
  uint32_t fullconn = 0;             // 0: a tenth of what its frontends take (manual 4.2, fullconn)
  int32_t redispatch_interval = -1;  // manual 4.2, option redispatch: -1 last retry only
  uint64_t text_hash = 0;            // of its lines but `server` and `bind`, and those it inherits
  BackendState* state = nullptr;
  Generation* generation = nullptr;  // that it is a part of; null where nothing is ever reloaded
};

// tune.vars (manual 3.2), in bytes; 0: no limit. Each holds what the finer ones hold, too.
struct VariableLimits {
  uint32_t global_bytes = 0;
  uint32_t process_bytes = 0;
  uint32_t session_bytes = 0;
  uint32_t transaction_bytes = 0;
  uint32_t exchange_bytes = 0;  // of req and res, each
};

// profiling.tasks (manual 3.2).
enum class TaskProfiling : uint8_t { kAuto, kOn, kOff };

struct GlobalConfig {
  uint32_t nbthread = 0;  // 0: one per usable CPU
  // `cpu-map`, by shard; an empty entry, or none, is a shard that may run anywhere.
  std::vector<std::vector<int>> thread_cpus;
  uint32_t maxconn = 0;                 // 0: derived from limits
  uint32_t connections_per_second = 0;  // maxconnrate; 0: no limit
  uint32_t sessions_per_second = 0;     // maxsessrate
  uint32_t ulimit_n = 0;
  uint32_t fd_hard_limit = 0;  // 0: not given
  bool prealloc_fd = false;
  bool reuse_port = true;   // `noreuseport`
  bool getaddrinfo = true;  // `nogetaddrinfo`
  std::string pidfile;
  bool master_worker = false;         // as -W
  bool master_stays = false;          // `master-worker no-exit-on-failure`
  uint32_t mworker_reloads_max = 50;  // `mworker-max-reloads`
  std::string user, group, chroot;
  int64_t uid = -1, gid = -1;         // from user/group or uid/gid
  std::vector<int> capabilities;      // `setcap`: CAP_* kept across the change of user
  bool setuid_programs_work = false;  // `insecure-setuid-wanted`
  bool dumpable = false;              // `set-dumpable`
  // `unix-bind`: what `bind` lines that do not say start from.
  struct UnixBind {
    std::string prefix;
    int mode = -1;
    int64_t uid = -1, gid = -1;
  } unix_bind;
  bool reject_privileged_ports = false;  // harden.reject-privileged-ports.tcp
  std::string node, description;
  std::string server_state_file, server_state_base;
  std::string stats_file;
  bool sandbox = false;  // tune.sandbox on|off: ours
  GlobalTls tls;
  bool experimental = false;  // expose-experimental-directives
  VariableLimits variables;
  StartVariables start_variables;      // set-var, set-var-fmt
  uint32_t bufsize = 16384;            // tune.bufsize
  uint32_t http_maxhdr = 101;          // tune.http.maxhdr, the first line included
  uint32_t maxrewrite = 1024;          // tune.maxrewrite
  uint32_t http_logurilen = 1024;      // tune.http.logurilen
  uint32_t http_cookielen = 63;        // tune.http.cookielen
  bool idle_pool_shared = true;        // tune.idle-pool.shared
  uint32_t pool_low_fd_percent = 20;   // tune.pool-low-fd-ratio
  uint32_t pool_high_fd_percent = 25;  // tune.pool-high-fd-ratio
  bool splice = true;                  // false: nosplice, or -dS
  std::optional<uint32_t> maxpipes;
  uint32_t pipe_bytes = 0;  // tune.pipesize; 0: what suits a large transfer
  // `h1-case-adjust`, lower case to what is sent; the file's lines and those of the sections.
  std::map<std::string, std::string, std::less<>> h1_case_adjust;
  uint64_t hard_stop_after_ms = 0;
  uint64_t grace_ms = 0;  // between SIGUSR1 and the soft stop
  static constexpr uint64_t kSpreadForEver = UINT64_MAX;
  uint64_t close_spread_ms = 0;  // `close-spread-time`; kSpreadForEver: idle ones are left alone
  bool daemon = false, quiet = false;
  std::string ring_driver = "auto";  // tune.ring auto|uring|poll: ours
  bool strict_limits = true;
  bool zero_warning = false;           // as -dW
  uint32_t spread_checks_percent = 0;  // spread-checks
  uint32_t max_spread_checks_ms = 0;   // max-spread-checks; 0: no bound
  bool never_send_local = false;       // pp2-never-send-local
  bool external_checks = false;        // external-check
  bool external_checks_keep_environment = false;
  uint32_t stats_maxconn = 10;  // `stats maxconn`
  uint64_t stats_timeout_ms = 10000;
  TaskProfiling profiling_tasks = TaskProfiling::kAuto;
};

struct Configuration {
  Configuration();
  ~Configuration();
  // In its own heap, if it has one.
  static void Free(std::unique_ptr<Configuration> configuration);
  // What its memory is part of, if that is its own: the last to go.
  std::shared_ptr<base::OwnHeap> heap;
  // As its lines have made it; null: that of the process.
  std::shared_ptr<const Environment> environment;
  GlobalConfig global;
  LogPlan logs;
  std::vector<std::shared_ptr<LogProfile>> log_profiles;
  std::vector<std::unique_ptr<ProxyConfig>> proxies;  // AddProxy() is the way in
  std::vector<std::unique_ptr<Userlist>> userlists;
  // What it says in vain, because only a start can set it: for `show startup-logs`.
  std::string start_notes;
  // What tells a reload that they say something else: the lines of sections that are no proxies, by
  // "userlist admins"; and what is in the files that lines name.
  std::map<std::string, uint64_t> sections;
  std::map<std::string, uint64_t> files;
  // The states of its proxies and servers, which other configurations may have, too.
  std::vector<std::shared_ptr<BackendState>> states;

  // Its name and its halves are what they will be.
  void AddProxy(std::unique_ptr<ProxyConfig> proxy);
  const Userlist* FindUserlist(std::string_view name) const;
  // Asked by requests, too. Of several of one name, the first.
  ProxyConfig* FindBackend(std::string_view name) const;
  ProxyConfig* FindFrontend(std::string_view name) const;
  // What goes on here of a proxy of another configuration: the frontend of its name, the backend if
  // it is none, or the runtime command line's own. Null: it is not there.
  const ProxyConfig* FindSame(const ProxyConfig& proxy) const;
  // Some proxy splices, and the process may.
  bool splices() const;
  // Some bind or server has `ssl`.
  bool speaks_tls() const;

 private:
  using ProxiesByName = absl::flat_hash_map<std::string_view, ProxyConfig*>;  // the proxies' names
  ProxiesByName backends_;
  ProxiesByName frontends_;
};

}  // namespace engine
