// target.h - what a connection is for, as one typed field.
//
// Owns:    nothing: what it points to is kept alive by the snapshot its stream or session pins.
// Threads: any-thread (a value).
// Units:   none.
// Errors:  the accessor of another kind gives null.
// States:  none.

#pragma once

#include <cstdint>

namespace shard {

class AppletType;

// What shard/ knows of a server: nothing. engine/server derives from it.
class ServerTarget {
 protected:
  ~ServerTarget() = default;
};

class Target {
 public:
  enum class Kind : uint8_t { kNone, kServer, kApplet };

  Target() = default;
  static Target Of(ServerTarget* server) { return Target(Kind::kServer, server); }
  static Target Of(const AppletType* applet) {
    return Target(Kind::kApplet, const_cast<AppletType*>(applet));
  }

  Kind kind() const { return kind_; }
  ServerTarget* server() const {
    return kind_ == Kind::kServer ? static_cast<ServerTarget*>(object_) : nullptr;
  }
  const AppletType* applet() const {
    return kind_ == Kind::kApplet ? static_cast<const AppletType*>(object_) : nullptr;
  }

 private:
  Target(Kind kind, void* object) : object_(object), kind_(kind) {}
  void* object_ = nullptr;
  Kind kind_ = Kind::kNone;
};

}  // namespace shard
