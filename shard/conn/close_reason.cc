#include "shard/conn/close_reason.h"

#include "base/check.h"

namespace shard {
namespace {

constexpr CloseReasonInfo kReasons[] = {
#define X(name, blame, letter, counter, text) {#name, Blame::blame, letter, counter, text},
#include "shard/conn/close_reason.def"
#undef X
};

}  // namespace

const CloseReasonInfo& Info(CloseReason reason) {
  MUST(reason < CloseReason::kCount);
  return kReasons[size_t(reason)];
}

}  // namespace shard
