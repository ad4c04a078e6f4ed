// errno_name.h - the symbolic name and the plain words of an errno value.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   errno values, positive or negative.
// Errors:  an unknown value gives "E?" and "unknown error".
// States:  none.

#pragma once

namespace base {

const char* ErrnoName(int error) noexcept;
const char* ErrnoText(int error) noexcept;

}  // namespace base
