#include "engine/fetch/units.h"

#include "engine/expr/converters.h"

namespace engine {

const Registry& AllUnits() {
  static const Registry all = [] {
    Registry registry;
    registry.Add(ConstantFetches());
    registry.Add(ConnectionFetches());
    registry.Add(NumberConverters());
    registry.Add(TextConverters());
    registry.Add(EncodingConverters());
    return registry;
  }();
  return all;
}

}  // namespace engine
