// sandbox.h - after the start, the kernel takes from this process the system calls that serving
// and reloading do not need (`tune.sandbox`, ours).
//
// Owns:    the handler of SIGSYS.
// Threads: main thread, while the others run: all of them are shut in at once.
// Units:   none.
// Errors:  EnterSandbox() says why it could not. A call that is refused afterwards gives EPERM, and
//          the first of each kind is said on standard error.
// States:  none: there is no way back, for this process and whatever it would start.
//
// What stays: bytes and sockets, the ring, memory, clocks, reading files, threads, and the sockets
// of a reload. What goes: starting programs and processes, looking into others, mounts, modules,
// keys, new namespaces, writing files, raw sockets. Entries of an io_uring are no system calls:
// the driver restricts each ring by itself.

#pragma once

#include <cstdint>
#include <string>

namespace engine {

[[nodiscard]] bool EnterSandbox(std::string* error);
// How many calls have been refused so far.
uint64_t SandboxRefusals();

}  // namespace engine
