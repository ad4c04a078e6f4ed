#include "engine/fetch/units.h"

#include "engine/acl/acl.h"
#include "engine/expr/converters.h"
#include "engine/expr/variables.h"

namespace engine {

const Registry& AllUnits() {
  static const Registry all = [] {
    Registry registry;
    registry.Add(ConstantFetches());
    registry.Add(VariableFetches());
    registry.Add(AclTable::Fetches());
    registry.Add(VariableConverters());
    registry.Add(AuthFetches());
    registry.Add(ConnectionFetches());
    registry.Add(ProxyFetches());
    registry.Add(TlsFetches());
    registry.Add(CertificateFetches());
    registry.Add(ContentFetches());
    registry.Add(RequestFetches());
    registry.Add(HeaderFetches());
    registry.Add(TransactionFetches());
    registry.Add(LayerFetches());
    registry.Add(DumpFetches());
    registry.Add(NumberConverters());
    registry.Add(TextConverters());
    registry.Add(RegexConverters());
    registry.Add(EncodingConverters());
    registry.Add(DateConverters());
    registry.Add(PacketConverters());
    registry.Add(SyntaxConverters());
    registry.Add(ForwardedConverters());
    registry.Add(JsonConverters());
    registry.Add(MessageConverters());
    registry.Add(DebugConverters());
    registry.Add(HashConverters());
    registry.Add(TokenConverters());
    registry.Add(SecretTokenConverters());
    registry.Add(ProxyConverters());
    registry.Add(TransactionConverters());
    return registry;
  }();
  return all;
}

}  // namespace engine
