// http_service.h - what answers a request of HTTP in the server's place: a page of statistics, an
// exporter.
//
// Owns:    nothing. An answer under way is the state of its Applet.
// Threads: immutable; Work() and Head() are shard-local.
// Units:   none.
// Errors:  one that fails before its head is known is answered with 500 by the flow; later the
//          connection ends short.
// States:  of an answer: working, until its head is known (OnHead tells the stream) -> its body
//          leaves through the applet's output -> over.
//
// The request's body is the applet's input; Work() must take it, even to drop it. Its head is that
// of `stream.front()`, as long as that is there.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/stream/applet.h"

namespace engine {

struct ServiceHead {
  uint16_t status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  // without those of framing
  bool has_body = true;
};

class HttpService : public shard::AppletType {
 public:
  // What stands for it where a line names a server (manual 8.2, %s): its name in angle brackets.
  virtual std::string_view log_name() const = 0;
  // Null while it is not known.
  virtual const ServiceHead* Head(shard::Applet& applet) const = 0;

 protected:
  ~HttpService() = default;
};

}  // namespace engine
