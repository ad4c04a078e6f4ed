// conn_table.h - every connection of one shard, named by generation-checked handles.
//
// Owns:    the Connections and their fds. Slots come from one slab sized at start-up and never
//          move.
// Threads: shard-local, except that a handle is a plain value and may travel in a mailbox message.
// Units:   capacity in connections.
// Errors:  a full table and a stale handle are ordinary outcomes (null): counted, never logged one
//          by one.
// States:  slot free -> live -> closing -> free. It leaves closing only when the ring holds no
//          operation that names it, because until then the kernel may still write into its buffers.
//
//   Connection* c = table.Adopt(fd, Role::kAccepted);
//   if (Connection* c = table.Find(handle)) ...          // null: closed since

#pragma once

#include <cstdint>

#include "base/slab.h"
#include "shard/conn/connection.h"
#include "shard/conn/quiet_watch.h"

namespace shard {

struct ConnCounters {
  base::Counter adopted;
  base::Counter table_full;
  base::Counter stale_completions;
  base::Counter bytes_in;
  base::Counter bytes_out;
  base::Counter reused;
  base::Counter ends_missed;  // of peers, that QuietWatch found
  base::Counter by_reason[size_t(CloseReason::kCount)];
};

class ConnTable final : CompletionSink {
 public:
  ConnTable(ShardContext& context, uint32_t capacity);

  // Takes `fd` on success. On a full table returns null and `fd` stays with the caller.
  Connection* Adopt(int fd, Role role);
  // The result is valid until control returns to the event loop: keep the handle, not the pointer.
  Connection* Find(base::Handle handle);
  uint32_t live() const { return slab_.live(); }
  // One of them has been given up, and what it was given is not all sent. Looks at every slot.
  bool any_closing() const;
  uint32_t capacity() const { return slab_.capacity(); }
  ConnCounters& counters() { return counters_; }
  QuietWatch& quiet_watch() { return quiet_watch_; }
  HandshakeMemory& handshake_memory() { return handshake_memory_; }
  // Visits live connections, for the last cleaning at the end of a shard and for listings.
  template <typename F>
  void ForEach(F visit) {
    for (uint32_t slot = 0; slot < slab_.touched(); ++slot) {
      if (generations_[slot].live) visit(*slab_.At(slot));
    }
  }

 private:
  friend class Connection;
  void OnCompletion(const Completion& completion) noexcept override;
  void Free(Connection* connection);

  struct Generation {
    uint32_t value : 24;
    uint32_t live : 8;
  };

  ShardContext& context_;
  HandshakeMemory handshake_memory_;  // outlives the connections
  base::Slab<Connection> slab_;
  Generation* generations_;  // one a slot, mapped and committed on touch like the slab
  ConnCounters counters_;
  QuietWatch quiet_watch_;

 public:
  ~ConnTable();
};

}  // namespace shard
