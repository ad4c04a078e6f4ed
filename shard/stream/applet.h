// applet.h - an endpoint without a socket: a named service that answers inside the process.
//
// Owns:    an Applet belongs to its type's pool, from New() to Detach().
// Threads: shard-local; an AppletType is immutable after start-up but for its per-shard counters.
// Units:   bytes.
// Errors:  as any endpoint.
// States:  as any endpoint. `state` is null on first call and freed by the type's Release.
//
// An applet runs as a task of its own: OnReadable/OnWritable of the peer side never call into it.
// Its work goes from `input()` (what the stream sent) to `output()` (what the stream will receive),
// both bounded like any channel.

#pragma once

#include "shard/conn/connection.h"
#include "shard/stream/endpoint.h"

namespace shard {

class Applet;

class AppletType {
 public:
  virtual const char* name() const = 0;
  // Works on what is there; must not loop until it is done with everything. Called when input, room
  // or an end came, and once more when the last of an ended output has been taken.
  virtual void Work(Applet& applet) const = 0;
  // Frees `applet.state`.
  virtual void Release(Applet& applet) const = 0;

 protected:
  ~AppletType() = default;
};

class Applet final : public Endpoint, public Task {
 public:
  static constexpr size_t kOutputLimitBytes = 65536;

  Applet(ShardContext& context, const AppletType& type, void (*free)(Applet*, void*),
         void* free_context)
      : context_(context),
        type_(type),
        input_(*context.slices),
        output_(*context.slices),
        free_(free),
        free_context_(free_context) {}

  // For the type's Work().
  ByteQueue& input() { return input_; }
  bool input_ended() const { return input_ended_; }
  ByteQueue& output() { return output_; }
  size_t output_room() const {
    return output_.size() >= kOutputLimitBytes ? 0 : kOutputLimitBytes - output_.size();
  }
  // The applet will produce no more.
  void EndOutput() { output_ended_ = true; }
  void Fail(CloseReason reason) { events_->OnError(reason); }
  // What the answer begins with is known (of services that speak of a message).
  void TellHead() { events_->OnHead(); }
  ShardContext& context() { return context_; }
  const AppletType& type() const { return type_; }
  void* state = nullptr;
  // The stream it answers for, as the engine knows it; set before the first Work().
  void* owner = nullptr;
  // Work() is called again in the next turn: for an applet that waits for something else than its
  // stream.
  void Wake() { context_.loop->run_queue().Add(this); }

  size_t Recv(Channel& channel, size_t max) override;
  bool RecvEnded() const override { return output_ended_ && output_.empty(); }
  size_t Send(ByteQueue& bytes, bool end_of_message) override;
  void WantRecv(bool want) override;
  void ShutRead(CloseReason reason) override;
  void ShutWrite(CloseReason reason) override;
  void Detach(CloseReason reason, uint64_t linger_until_ms) override;
  Connection* connection() override { return nullptr; }
  size_t UnsentBytes() const override { return input_.size(); }
  void Run() noexcept override;

 private:
  static constexpr size_t kInputLimitBytes = 65536;

  ShardContext& context_;
  const AppletType& type_;
  ByteQueue input_;
  ByteQueue output_;
  void (*free_)(Applet*, void*);
  void* free_context_;
  bool input_ended_ = false;
  bool output_ended_ = false;
  bool read_shut_ = false;
};

}  // namespace shard
