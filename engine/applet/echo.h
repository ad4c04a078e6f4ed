// echo.h - the service that sends back what it receives (`tcp-request content use-service echo`).
//
// Owns:    nothing: it has no state of its own.
// Threads: immutable.
// Units:   none.
// Errors:  none.
// States:  echoes until its input has ended, then ends.

#pragma once

#include "shard/stream/applet.h"

namespace engine {

const shard::AppletType& EchoApplet();

}  // namespace engine
