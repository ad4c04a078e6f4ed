#include "engine/server/saved_states.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/background_thread.h"
#include "base/text.h"
#include "engine/server/server_state.h"
#include "engine/server/text_file.h"
#include "engine/server/tls_files.h"

namespace engine {
namespace {

// Bits of srv_admin_state, srv_check_state and srv_agent_state (management 9.3).
constexpr uint32_t kForcedMaintenance = 0x01;
constexpr uint32_t kConfiguredMaintenance = 0x04;
constexpr uint32_t kForcedDrain = 0x08;
constexpr uint32_t kAnyMaintenance = 0x01 | 0x02 | 0x20;
constexpr uint32_t kCheckConfigured = 0x02;
constexpr uint32_t kCheckEnabled = 0x04;

// Up to bk_f_forced_id and srv_f_forced_id. What follows is younger than the format.
constexpr size_t kFieldsMin = 15;
constexpr size_t kHostField = 17;
constexpr size_t kPortField = 18;
constexpr uint64_t kWeightMax = 256;

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (const std::string_view word : base::Split(line, ' ')) {
    if (!word.empty()) fields.push_back(word);
  }
  return fields;
}

// Numbers of a row, one after the other; the first that is none is remembered.
class Numbers {
 public:
  explicit Numbers(const std::vector<std::string_view>& fields) : fields_(fields) {}
  uint64_t Take(size_t field, const char* name, uint64_t max) {
    const std::optional<uint64_t> number = base::ParseUnsigned(fields_[field]);
    if (number && *number <= max) return *number;
    if (why_.empty()) why_ = base::Format("invalid %s value '", name) + Shown(field) + "'";
    return 0;
  }
  const std::string& why() const { return why_; }

 private:
  std::string Shown(size_t field) const { return std::string(fields_[field].substr(0, 64)); }
  const std::vector<std::string_view>& fields_;
  std::string why_;
};

// Empty, or what is wrong with it.
std::string ParseRow(const std::vector<std::string_view>& fields, SavedServer* server) {
  if (fields.size() < kFieldsMin) return "too few fields";
  Numbers numbers(fields);
  server->backend = fields[1];
  server->name = fields[3];
  server->address = shard::Address::FromText(fields[4]);
  server->operational = Operational(numbers.Take(5, "srv_op_state", 3));
  server->admin_mask = uint32_t(numbers.Take(6, "srv_admin_state", 0x7f));
  server->weight = uint32_t(numbers.Take(7, "srv_uweight", kWeightMax));
  server->initial_weight = uint32_t(numbers.Take(8, "srv_iweight", kWeightMax));
  server->changed_s = numbers.Take(9, "srv_time_since_last_change", UINT32_MAX);
  server->check_status = uint32_t(numbers.Take(10, "srv_check_status", UINT8_MAX));
  (void)numbers.Take(11, "srv_check_result", 4);
  server->check_health = uint32_t(numbers.Take(12, "srv_check_health", INT32_MAX));
  server->check_mask = uint32_t(numbers.Take(13, "srv_check_state", 0x1f));
  server->agent_mask = uint32_t(numbers.Take(14, "srv_agent_state", 0x1f));
  if (fields.size() > kHostField && fields[kHostField] != "-") server->host = fields[kHostField];
  if (fields.size() > kPortField) {
    server->port = uint16_t(numbers.Take(kPortField, "srv_port", UINT16_MAX));
  }
  return numbers.why();
}

std::string PathOf(const Configuration& configuration, const ProxyConfig& backend) {
  const GlobalConfig& global = configuration.global;
  switch (backend.saved_states) {
    case SavedStatesFrom::kNone:
      return {};
    case SavedStatesFrom::kGlobal:
      if (global.server_state_file.empty()) return {};
      return BelowBase(global.server_state_base, global.server_state_file);
    case SavedStatesFrom::kLocal:
      break;
  }
  const std::string& name = backend.server_state_file_name;
  return BelowBase(global.server_state_base, name.empty() ? backend.name : name);
}

// Whether the file's address is asked for before the one that was found.
bool PrefersLast(const ServerConfig& server) {
  for (const AddressSource source : server.init_address.sources) {
    if (source == AddressSource::kLast) return true;
    if (source == AddressSource::kLibc && server.has_address) return false;
  }
  return false;
}

// What the server's health was; nothing where that cannot be known or does not count any more.
std::optional<HealthValue> HealthOf(const ServerConfig& server, const SavedServer& saved) {
  // One in maintenance is down whatever its checks have said.
  if ((saved.admin_mask & kAnyMaintenance) != 0 || server.tracked != nullptr) return std::nullopt;
  const ServerHealth& health = server.state->health;
  const uint32_t rise = health.rules().rise;
  HealthValue value = health.Get();
  const bool was_checked = (saved.check_mask & kCheckConfigured) != 0;
  const bool had_agent = (saved.agent_mask & kCheckConfigured) != 0;
  if (server.check.enabled && was_checked) value.checks = (saved.check_mask & kCheckEnabled) != 0;
  if (server.check.agent_enabled && had_agent) {
    value.agent_checks = (saved.agent_mask & kCheckEnabled) != 0;
  }
  if (saved.operational != Operational::kStopped) {
    value.count = !server.check.enabled || !was_checked
                      ? std::max(value.count, rise)
                      : std::clamp(saved.check_health, rise, health.count_max());
    value.stopping = saved.operational == Operational::kStopping;
    return value;
  }
  // Down by checks that are no more: nothing would ever bring it up again.
  const bool can_rise = server.check.enabled || server.check.agent_enabled;
  if (!can_rise && (was_checked || had_agent)) return std::nullopt;
  if (saved.check_health >= rise && had_agent && server.check.agent_enabled) {
    value.agent_up = false;
    value.count = std::min(saved.check_health, health.count_max());
  } else {
    value.count = std::min(saved.check_health, rise - 1);
  }
  value.stopping = false;
  return value;
}

// The maintenance of the configuration is the configuration's: it begins and ends with `disabled`.
// What an operator said meanwhile was said of a line with that word, so it holds as long as the
// line has it.
AdminState AdminOf(const ServerConfig& server, const SavedServer& saved) {
  const bool was_disabled = (saved.admin_mask & kConfiguredMaintenance) != 0;
  if (server.disabled && !was_disabled) return AdminState::kMaint;
  const bool is_forced = (saved.admin_mask & kForcedMaintenance) != 0;
  if (is_forced && was_disabled == server.disabled) return AdminState::kMaint;
  return (saved.admin_mask & kForcedDrain) != 0 ? AdminState::kDrain : AdminState::kReady;
}

uint32_t CountUsable(const ProxyConfig& backend, bool backup) {
  const auto is_usable = [&](const auto& server) {
    return server->backup == backup && !server->state->disabled();
  };
  return uint32_t(std::count_if(backend.servers.begin(), backend.servers.end(), is_usable));
}

// What the file makes of a server that its line alone does not.
void NoteState(const ServerConfig& server, std::vector<std::string>* notes) {
  const ServerState& state = *server.state;
  const AdminState admin = state.admin_state();
  const std::string name = "Server " + server.backend->name + "/" + server.name;
  if (!state.has_address()) return;
  if (admin == AdminState::kMaint) {
    if (!server.disabled) notes->push_back(name + " remains in forced maintenance.");
    return;
  }
  if (server.disabled) notes->push_back(name + " is UP/READY (leaving forced maintenance).");
  const Operational operational = state.health.operational();
  if (server.tracked == nullptr && operational == Operational::kStopped) {
    notes->push_back(name + base::Format(" is DOWN, changed from server-state after a reload. %u "
                                         "active and %u backup servers left. 0 sessions active, "
                                         "0 requeued, 0 remaining in queue.",
                                         CountUsable(*server.backend, false),
                                         CountUsable(*server.backend, true)));
  } else if (server.tracked == nullptr && operational == Operational::kStopping) {
    notes->push_back(name + " is stopping, changed from server-state after a reload.");
  }
  if (admin == AdminState::kDrain) notes->push_back(name + " remains in forced drain mode.");
}

// Empty, or why the weight is not restored.
std::string RestoreWeight(const ServerConfig& server, const SavedServer& saved) {
  // A weight of the configuration that is new wins (manual 4.2, load-server-state-from-file).
  if (saved.initial_weight != server.weight || saved.weight == server.weight) return {};
  if (server.backend->has_static_weights() && saved.weight != 0) {
    return "with a static algorithm the weight is 0, or the configured one";
  }
  server.state->SetWeight(saved.weight);
  return {};
}

void RestoreReport(ServerState& state, uint32_t number) {
  for (size_t i = 0; i < size_t(CheckStatus::kCount); ++i) {
    if (Info(CheckStatus(i)).number != number) continue;
    CheckReport report;
    report.status = CheckStatus(i);
    state.check.report.Set(report);
    return;
  }
}

// Of which the process knows nothing.
std::set<std::string> NewServers(const ProxyConfig& proxy, const ProxyConfig* was) {
  std::set<std::string> names;
  for (const auto& server : proxy.servers) names.insert(server->name);
  if (was == nullptr) return names;
  for (const auto& server : was->servers) names.erase(server->name);
  return names;
}

}  // namespace

bool SavedStates::Parse(std::string_view text, std::vector<SavedServer>* servers,
                        std::string* why) {
  uint32_t number = 0;
  uint32_t wrong_rows = 0;
  bool has_version = false;
  const std::vector<std::string_view> lines = base::Split(text, '\n');
  for (const std::string_view raw : lines) {
    ++number;
    const std::string_view line = base::Trim(raw);
    const bool is_last = number == lines.size();  // and has no line feed, where there is something
    if (line.empty() || (line[0] == '#' && !(is_last && has_version))) continue;
    if (!has_version) {
      has_version = line == "1";
      if (has_version) continue;
      *why = "it is not of version 1 of the format";
      return false;
    }
    SavedServer server;
    const std::vector<std::string_view> fields = Fields(line);
    std::string wrong = ParseRow(fields, &server);
    // Half a file may end in half a number, or in half of the names of the fields.
    if (is_last && (line[0] == '#' || fields.size() <= kPortField + 1)) wrong = "it is cut off";
    if (wrong.empty()) {
      servers->push_back(std::move(server));
    } else if (++wrong_rows == 1) {
      *why = base::Format("line %u: ", number) + wrong;
    }
  }
  if (wrong_rows > 1) *why += base::Format(", and %u more lines", wrong_rows - 1);
  if (!has_version) *why = "it is empty";
  return has_version;
}

SavedStates SavedStates::Read(const Configuration& configuration, const Configuration* before,
                              std::vector<std::string>* warnings) {
  SavedStates states;
  using NewByBackend = std::map<std::string, std::set<std::string>>;
  std::map<std::string, NewByBackend> backends_of;
  for (const auto& proxy : configuration.proxies) {
    if (!proxy->is_backend || proxy->disabled || proxy->servers.empty()) continue;
    const std::string path = PathOf(configuration, *proxy);
    if (path.empty()) continue;
    const ProxyConfig* was = before == nullptr ? nullptr : before->FindSame(*proxy);
    if (was != nullptr && was->is_backend) states.backends_before_.insert(proxy->name);
    if (std::set<std::string> names = NewServers(*proxy, was); !names.empty()) {
      backends_of[path][proxy->name] = std::move(names);
    }
    base::GiveWay();
  }
  for (const auto& [path, backends] : backends_of) {
    std::string text;
    std::string why;
    std::vector<SavedServer> servers;
    if (!ReadTextFile(path, &text, &why) || !Parse(text, &servers, &why)) {
      warnings->push_back("the server-state file '" + path + "' is not used: " + why);
      continue;
    }
    if (!why.empty()) {
      warnings->push_back("the server-state file '" + path + "' is used in part: " + why);
    }
    for (SavedServer& server : servers) {
      const auto backend = backends.find(server.backend);
      if (backend == backends.end() || !backend->second.contains(server.name)) continue;
      std::string name = server.backend + "/" + server.name;
      states.servers_.emplace(std::move(name), std::move(server));  // of two lines the first
    }
  }
  return states;
}

const SavedServer* SavedStates::Find(const ServerConfig& server) const {
  const auto found = servers_.find(server.backend->name + "/" + server.name);
  return found == servers_.end() ? nullptr : &found->second;
}

void SavedStates::MoveServers(Configuration& configuration) const {
  for (const auto& proxy : configuration.proxies) {
    base::GiveWay();
    for (const auto& server : proxy->servers) {
      const SavedServer* saved = Find(*server);
      if (saved == nullptr || server->follows_address) continue;
      const shard::Address configured = server->address;
      const bool is_named = !server->host.empty() && server->host == saved->host;
      if (is_named && saved->address.is_ip() && PrefersLast(*server)) {
        const uint16_t port = server->address.port;
        server->address = saved->address;
        server->address.port = port;
        server->has_address = true;
      }
      // A port goes with its address: what an operator has moved whole does not come back in half.
      if (!server->address.is_ip() || server->address.Ip() != saved->address.Ip()) continue;
      if (saved->port != 0 && !server->follows_port) server->address.port = saved->port;
      server->socket_address_length = server->address.ToSockaddr(&server->socket_address);
      if (server->address != configured) server->moved_from = configured;
    }
  }
}

void SavedStates::Restore(const Configuration& configuration, uint64_t now_us,
                          std::vector<std::string>* notes,
                          std::vector<std::string>* warnings) const {
  for (const auto& proxy : configuration.proxies) {
    base::GiveWay();
    bool changed = false;
    for (const auto& server : proxy->servers) {
      const SavedServer* saved = Find(*server);
      if (saved == nullptr) continue;
      changed = true;
      ServerState& state = *server->state;
      state.SetAdminState(AdminOf(*server, *saved));
      if (const std::string why = RestoreWeight(*server, *saved); !why.empty()) {
        warnings->push_back("the weight of server " + proxy->name + "/" + server->name +
                            " is not restored: " + why);
      }
      if (const auto health = HealthOf(*server, *saved)) state.health.Restore(*health);
      if (server->check.enabled) RestoreReport(state, saved->check_status);
      state.RestoreChange(now_us - std::min(now_us, saved->changed_s * 1000000));
      NoteState(*server, notes);
    }
    if (!changed) continue;
    if (backends_before_.contains(proxy->name)) {
      (void)proxy->state->NoteServers();
    } else {
      proxy->state->BeginServers();
    }
  }
}

}  // namespace engine
