#include "shard/conn/conn_table.h"

#include <sys/mman.h>

#include "base/check.h"

namespace shard {

ConnTable::ConnTable(ShardContext& context, uint32_t capacity)
    : context_(context),
      handshake_memory_(capacity),
      slab_(capacity),
      quiet_watch_(context, *this) {
  void* range = mmap(nullptr, sizeof(Generation) * (capacity + 1), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  MUST(range != MAP_FAILED);
  generations_ = static_cast<Generation*>(range);
  for (OpKind kind : {OpKind::kConnRecv, OpKind::kConnSend, OpKind::kConnConnect,
                      OpKind::kConnPollIn, OpKind::kConnPollOut}) {
    context.loop->SetSink(kind, this);
  }
}

ConnTable::~ConnTable() { munmap(generations_, sizeof(Generation) * (slab_.capacity() + 1)); }

Connection* ConnTable::Adopt(int fd, Role role) {
  // The slot is known only once it is taken, so the handle is put together in two steps.
  const uint32_t slot = slab_.PeekNext();
  if (slot == UINT32_MAX) {
    counters_.table_full.Add();
    return nullptr;
  }
  Generation& generation = generations_[slot];
  generation.value = base::NextGeneration(generation.value);
  generation.live = 1;
  counters_.adopted.Add();
  return slab_.New(context_, base::Handle{slot, generation.value}, fd, role);
}

Connection* ConnTable::Find(base::Handle handle) {
  if (handle.slot >= slab_.touched()) return nullptr;
  const Generation& generation = generations_[handle.slot];
  if (generation.live == 0 || generation.value != handle.generation) return nullptr;
  return slab_.At(handle.slot);
}

bool ConnTable::any_closing() const {
  for (uint32_t slot = 0; slot < slab_.touched(); ++slot) {
    if (generations_[slot].live == 0) continue;
    if (slab_.At(slot)->state() == Connection::State::kClosing) return true;
  }
  return false;
}

void ConnTable::OnCompletion(const Completion& completion) noexcept {
  Connection* connection = Find(completion.op.handle);
  if (connection == nullptr) {
    counters_.stale_completions.Add();
    if (completion.chunk != nullptr) ChunkPool::Drop(completion.chunk);
    return;
  }
  switch (completion.op.kind) {
    case OpKind::kConnRecv:
      return connection->OnRecv(completion);
    case OpKind::kConnSend:
      return connection->OnSend(completion);
    case OpKind::kConnConnect:
      return connection->OnConnect(completion);
    case OpKind::kConnPollIn:
      return connection->OnPollIn(completion);
    case OpKind::kConnPollOut:
      return connection->OnPollOut(completion);
    default:
      counters_.stale_completions.Add();
  }
}

void ConnTable::Free(Connection* connection) {
  counters_.bytes_in.Add(connection->bytes_in());
  counters_.bytes_out.Add(connection->bytes_out());
  counters_.by_reason[size_t(connection->reason())].Add();
  generations_[connection->handle().slot].live = 0;
  slab_.Delete(connection);
}

}  // namespace shard
