// shard.h - one core's share of the proxy: builds and owns what the folders of shard/ define.
//
// Owns:    the loop with its ring, the buffer pools, the connection table, the listeners of this
//          core.
// Threads: built by the main thread, then shard-local; other threads speak to it by messages.
// Units:   see Options.
// Errors:  Open() says why a ring could not be had.
// States:  built -> running -> draining (listeners stopped) -> stopped.
//
// The engine hangs itself in as a ShardApp; shard/ never learns what it does with an accepted
// descriptor.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "shard/conn/conn_table.h"
#include "shard/net/handoff.h"
#include "shard/net/listener.h"

namespace shard {

struct ShardOptions {
  uint32_t index = 0;
  uint32_t connections_max = 0;  // slots of the table: client and server connections of this shard
  uint32_t small_chunk_bytes = 16384;
  uint32_t large_chunk_bytes = 65536;
  uint32_t small_chunks = 16384;
  uint32_t large_chunks = 2048;
  uint32_t ring_entries = 2048;
  uint32_t pipes_max = 0;  // for splicing
  uint32_t pipe_bytes = PipePool::kPipeBytes;
};

class ShardApp : public OutlivedConnections {
 public:
  virtual ~ShardApp() = default;
  // The thread of the shard has started: first call on it.
  virtual void OnStart(Shard& shard) noexcept = 0;
  // This shard has accepted a connection, for itself or another: may there be one more (maxconn)?
  // False: it waits in the listener until ResumeListeners(). What is reserved here is released by
  // the shard that serves it.
  virtual bool Reserve(Shard& shard, Listener& listener) noexcept = 0;
  // Whether there are descriptors for all who may come to the listeners at once (Listener).
  virtual bool MayTakeMany(Listener& listener) noexcept = 0;
  // A connection that this shard is to serve; takes `fd`. `bind` is what the shard that accepted it
  // had reserved a place for.
  virtual void Serve(Shard& shard, const void* bind, int fd) noexcept = 0;
  // An accept found no descriptor left: closes what nobody needs. False: there is nothing.
  virtual bool FreeDescriptors() noexcept = 0;
  // Called once per turn, after the tasks.
  virtual void OnTurnEnd() noexcept = 0;
  // Ends everything that is still open, for a stop that does not wait.
  virtual void OnStop() noexcept = 0;
};

class Shard final : AcceptHandler, CompletionSink, TurnHook {
 public:
  // `ring_factory` builds the driver over this shard's pools.
  using RingFactory = std::unique_ptr<Ring> (*)(const RingOptions& options, std::string* why);
  static std::unique_ptr<Shard> Open(const ShardOptions& options, Mailroom& mailroom,
                                     LoadBoard& board, base::Clock& clock, RingFactory ring_factory,
                                     std::string* why);
  ~Shard();

  void SetApp(ShardApp* app) { context_.outlived = app_ = app; }
  void SetHandshakes(const HandshakeTable* table) { context_.handshakes = table; }
  // Start-up, the same calls in every shard so that indices agree. `fd` -1: hand-overs only.
  // `allowed`: bit per shard that may serve it, 0 for all.
  void AddListener(int fd, const void* bind, uint64_t allowed);
  // On the shard's thread, while it runs: the same with a given index, at the end or in the place
  // of one that has stopped, keeps nobody and has been answered by the ring. Not started yet.
  void PutListener(uint32_t index, int fd, const void* bind, uint64_t allowed);
  Listener& listener(uint32_t index) { return *listeners_[index].listener; }
  uint32_t listeners() const { return uint32_t(listeners_.size()); }

  // Runs until stopped; on the shard's own thread.
  void Run();
  // For messages: listeners stop and close; then, by Stop(), everything.
  void StopListening();
  void Stop();
  bool draining() const { return draining_; }
  // After StopListening(): the ring has answered every accept; and nobody waits in a listener.
  bool accepts_none() const;
  bool keeps_none() const;

  ShardContext& context() { return context_; }
  EventLoop& loop() { return *loop_; }
  ConnTable& connections() { return *connections_; }
  LoadBoard& board() { return board_; }
  ChunkPool& small() { return small_; }
  ChunkPool& large() { return large_; }
  SlicePool& slices() { return slices_; }
  // Null when nothing is ever spliced.
  PipePool* pipes() { return pipes_.get(); }
  ShardApp* app() { return app_; }
  uint32_t index() const { return options_.index; }
  // A client connection of this shard has ended: descriptors and room may be free again.
  void OnClientGone();
  void ResumeListeners();

 private:
  static constexpr int kStopTurnsMax = 1000;

  Shard(const ShardOptions& options, LoadBoard& board);
  bool OnAccepted(Listener& listener, int fd) noexcept override;
  bool MayTakeMany(Listener& listener) noexcept override { return app_->MayTakeMany(listener); }
  bool OnOutOfDescriptors() noexcept override { return app_->FreeDescriptors(); }
  void OnCompletion(const Completion& completion) noexcept override;
  void OnTurnEnd() noexcept override;
  static void HandleHandedFd(Shard& shard, const Message& message) noexcept;

  struct ListenerEntry {
    std::unique_ptr<Listener> listener;
    uint64_t allowed = 0;
  };
  ListenerEntry MakeListener(uint32_t index, int fd, const void* bind, uint64_t allowed);

  const ShardOptions options_;
  LoadBoard& board_;
  ChunkPool small_;
  ChunkPool large_;
  SlicePool slices_;
  ShardContext context_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<PipePool> pipes_;
  std::unique_ptr<ConnTable> connections_;
  std::vector<ListenerEntry> listeners_;
  ShardApp* app_ = nullptr;
  bool draining_ = false;
};

}  // namespace shard
