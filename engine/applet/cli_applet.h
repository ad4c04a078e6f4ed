// cli_applet.h - the service behind every `stats socket`: a Cli for each of its connections.
//
// Owns:    nothing; a conversation belongs to its applet.
// Threads: immutable.
// Units:   none.
// Errors:  none.
// States:  as cli.h; after the last answer has left, the connection is closed.

#pragma once

#include "shard/stream/applet.h"

namespace engine {

const shard::AppletType& CliApplet();

}  // namespace engine
