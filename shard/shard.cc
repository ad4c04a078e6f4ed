#include "shard/shard.h"

#include <algorithm>

#include "base/check.h"

namespace shard {

Shard::Shard(const ShardOptions& options, LoadBoard& board)
    : options_(options),
      board_(board),
      small_(options.small_chunk_bytes, options.small_chunks),
      large_(options.large_chunk_bytes, options.large_chunks) {}

std::unique_ptr<Shard> Shard::Open(const ShardOptions& options, Mailroom& mailroom,
                                   LoadBoard& board, base::Clock& clock, RingFactory ring_factory,
                                   std::string* why) {
  std::unique_ptr<Shard> shard(new Shard(options, board));
  std::unique_ptr<Ring> ring =
      ring_factory({options.ring_entries, &shard->small_, &shard->large_}, why);
  if (ring == nullptr) return nullptr;
  shard->loop_ =
      std::make_unique<EventLoop>(*shard, options.index, mailroom, std::move(ring), clock);
  shard->loop_->SetPools(&shard->small_, &shard->large_);
  shard->loop_->SetTurnHook(shard.get());
  shard->loop_->SetSink(OpKind::kAccept, shard.get());
  ShardContext& context = shard->context_;
  context.loop = shard->loop_.get();
  context.small = &shard->small_;
  context.large = &shard->large_;
  context.slices = &shard->slices_;
  if (options.pipes_max > 0) {
    shard->pipes_ =
        std::make_unique<PipePool>(shard->loop_->ring(), options.pipes_max, options.pipe_bytes);
  }
  shard->connections_ = std::make_unique<ConnTable>(context, options.connections_max);
  context.connections = shard->connections_.get();
  return shard;
}

Shard::~Shard() = default;

Shard::ListenerEntry Shard::MakeListener(uint32_t index, int fd, const void* bind,
                                         uint64_t allowed) {
  AcceptHandler& handler = *this;
  return {std::make_unique<Listener>(*loop_, handler, index, fd, bind), allowed};
}

void Shard::AddListener(int fd, const void* bind, uint64_t allowed) {
  listeners_.push_back(MakeListener(uint32_t(listeners_.size()), fd, bind, allowed));
}

void Shard::PutListener(uint32_t index, int fd, const void* bind, uint64_t allowed) {
  if (index == listeners_.size()) return AddListener(fd, bind, allowed);
  const Listener& before = *listeners_[index].listener;
  MUST(before.stopped() && before.answered() && before.keeps_none());
  listeners_[index] = MakeListener(index, fd, bind, allowed);
}

void Shard::Run() {
  app_->OnStart(*this);
  for (ListenerEntry& entry : listeners_) entry.listener->Start();
  loop_->Run();
  // What Stop() ended closes in further passes. A peer that does not take its last bytes is not
  // waited for. An accept that the ring still holds would keep its socket open for a while after
  // the process, and whoever connects meanwhile would be reset.
  const auto is_open = [this] { return connections_->live() > 0 || !accepts_none(); };
  for (int turn = 0; turn < kStopTurnsMax && is_open(); ++turn) {
    loop_->TurnOnce();
    connections_->ForEach([](Connection& connection) {
      if (connection.state() == Connection::State::kClosing) connection.Abort();
    });
  }
}

void Shard::StopListening() {
  draining_ = true;
  for (ListenerEntry& entry : listeners_) entry.listener->Stop();
}

bool Shard::accepts_none() const {
  return std::all_of(listeners_.begin(), listeners_.end(),
                     [](const ListenerEntry& entry) { return entry.listener->answered(); });
}

bool Shard::keeps_none() const {
  return std::all_of(listeners_.begin(), listeners_.end(),
                     [](const ListenerEntry& entry) { return entry.listener->keeps_none(); });
}

void Shard::Stop() {
  StopListening();
  // Before anybody is ended: who goes may let the next in, and that one would outlive OnStop().
  loop_->Stop();
  app_->OnStop();
}

bool Shard::OnAccepted(Listener& listener, int fd) noexcept {
  if (!app_->Reserve(*this, listener)) return false;
  const uint32_t target = board_.PickAndRaise(options_.index, listeners_[listener.index()].allowed);
  if (target != options_.index) {
    const Message message{&HandleHandedFd,
                          {uint64_t(fd), reinterpret_cast<uintptr_t>(listener.bind())}};
    if (loop_->TryPost(target, message)) return true;
    // Its mailbox is full: it has enough to do, so the connection stays here.
    board_.Lower(target);
    board_.Raise(options_.index);
  }
  app_->Serve(*this, listener.bind(), fd);
  return true;
}

void Shard::HandleHandedFd(Shard& shard, const Message& message) noexcept {
  shard.app_->Serve(shard, reinterpret_cast<const void*>(message.words[1]), int(message.words[0]));
}

void Shard::OnCompletion(const Completion& completion) noexcept {
  const uint32_t index = completion.op.handle.slot;
  if (BUG_IF(index >= listeners_.size(), "accept_for_no_listener")) return;
  listeners_[index].listener->OnCompletion(completion);
}

void Shard::OnTurnEnd() noexcept { app_->OnTurnEnd(); }

void Shard::OnClientGone() {
  board_.Lower(options_.index);
  for (ListenerEntry& entry : listeners_) entry.listener->OnDescriptorFreed();
}

void Shard::ResumeListeners() {
  for (ListenerEntry& entry : listeners_) entry.listener->Resume();
}

}  // namespace shard
