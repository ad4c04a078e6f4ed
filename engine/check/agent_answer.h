// agent_answer.h - what an agent says about its server (manual 5.2, agent-check).
//
// Owns:    its texts.
// Threads: any-thread (a pure function).
// Units:   weights as numbers, or in percent of the configured one.
// Errors:  a word that is none is told in `error`; the others count.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/server/server_state.h"

namespace engine {

struct AgentAnswer {
  std::optional<AdminState> admin;
  std::optional<bool> is_up;
  std::string state;        // "up", "fail", as said
  std::string description;  // behind a '#'
  std::optional<uint64_t> weight;
  bool weight_in_percent = false;
  std::optional<uint32_t> maxconn;  // 0: no limit
  std::string error;                // the first word that is none
};

// `line` without what ends it.
AgentAnswer ParseAgentAnswer(std::string_view line);

// The weight it asks for, where `configured` was given; at most 256.
uint32_t WeightOf(const AgentAnswer& answer, uint32_t configured);

}  // namespace engine
