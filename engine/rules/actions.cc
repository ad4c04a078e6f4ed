#include "engine/rules/actions.h"

namespace engine {
namespace {

ActionTable MakeTable() {
  ActionTable table;
  table.Add(EndingActions());
  table.Add(ConnectionActions());
  table.Add(NormalizeActions());
  table.Add(HeaderActions());
  table.Add(BinaryHeaderActions());
  table.Add(RequestActions());
  table.Add(RedirectActions());
  table.Add(StreamActions());
  table.Add(VariableActions());
  table.Add(WaitingActions());
  return table;
}

}  // namespace

const ActionTable& AllActions() {
  static const ActionTable table = MakeTable();
  return table;
}

}  // namespace engine
