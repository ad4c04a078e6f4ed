#include "engine/applet/echo.h"

namespace engine {
namespace {

class Echo final : public shard::AppletType {
 public:
  const char* name() const override { return "echo"; }
  void Work(shard::Applet& applet) const override {
    applet.output().MoveFrom(applet.input(), applet.output_room());
    if (applet.input_ended() && applet.input().empty()) applet.EndOutput();
  }
  void Release(shard::Applet&) const override {}
};

}  // namespace

const shard::AppletType& EchoApplet() {
  static const Echo echo;
  return echo;
}

}  // namespace engine
