// capture_draft.h - what a section says about captures and unique ids, before it is checked.
//
// Owns:    its values.
// Threads: start-up.
// Units:   bytes.
// Errors:  none.
// States:  none.

#pragma once

#include <string>
#include <vector>

#include "engine/server/keep_config.h"

namespace engine {

struct CaptureDraft {
  std::vector<CaptureSlot> request;
  std::vector<CaptureSlot> response;
  std::string cookie;
  uint32_t cookie_bytes_max = 0;
};

}  // namespace engine
