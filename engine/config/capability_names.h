// capability_names.h - the names `setcap` takes and their numbers (manual 3.1, management 13.1).
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   CAP_* of linux/capability.h.
// Errors:  -1 for a name that is not among them.
// States:  none.
//
//   const int number = FindCapability("cap_net_raw");
//   if (number < 0) Refuse("one of: " + CapabilityNames());

#pragma once

#include <string>
#include <string_view>

namespace engine {

int FindCapability(std::string_view name);
// The name of a number, "?" for one that `setcap` does not take.
std::string_view CapabilityName(int number);
// All names, for the message about a wrong one.
std::string CapabilityNames();

}  // namespace engine
