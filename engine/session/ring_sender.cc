#include "engine/session/ring_sender.h"

#include <utility>

#include "shard/conn/conn_table.h"
#include "shard/net/connector.h"

namespace engine {

void RingSender::Start() {
  state_ = State::kResting;
  timed_out_ = true;
  Wake();
}

void RingSender::Stop() {
  if (state_ == State::kStopped) return;
  if (state_ == State::kOpen && !broken_) Push();
  if (connection_ != nullptr) {
    if (state_ == State::kOpen) {
      connection_->CloseAfterFlush(plan_.context.now_ms() + kFlushMs);
    } else {
      connection_->Abort();
    }
    connection_ = nullptr;
  }
  facts().connected.store(false, std::memory_order_relaxed);
  timer_.Clear();
  run_hook.Unlink();
  state_ = State::kStopped;
}

void RingSender::Run() noexcept {
  const bool timed_out = std::exchange(timed_out_, false);
  switch (state_) {
    case State::kStopped:
      return;
    case State::kResting:
      if (timed_out) Connect();
      return;
    case State::kConnecting:
      if (broken_ || timed_out) return Rest();
      if (connected_) Open();
      return;
    case State::kOpen:
      break;
  }
  if (!broken_) DropInput();
  if (broken_ || connection_->read_ended() || (timed_out && IsStuck())) return Rest();
  Push();
}

void RingSender::Connect() {
  // What has gone meanwhile is counted, although nobody may ever take a line.
  (void)Read(0);
  state_ = State::kConnecting;
  connected_ = broken_ = false;
  SetTimer(plan_.ring.plan().connect_ms);
  plan_.make_room();
  shard::ShardContext& context = plan_.context;
  shard::OutgoingOptions options;
  options.family = server().address.ss_family;
  options.keep_alive = true;
  const int fd = shard::OpenOutgoingSocket(context.ring(), options);
  if (fd < 0) return Rest();
  connection_ = context.connections->Adopt(fd, shard::Role::kDialled);
  if (connection_ == nullptr) {
    context.ring().Close(fd);
    return Rest();
  }
  connection_->SetEvents(this);
  connection_->Dial(reinterpret_cast<const sockaddr*>(&server().address), server().address_length);
}

void RingSender::Open() {
  state_ = State::kOpen;
  timer_.Clear();
  facts().connected.store(true, std::memory_order_relaxed);
  facts().connects.Add();
  connection_->WantRecv(true);
  Push();
}

void RingSender::Rest() {
  if (connection_ != nullptr) connection_->Abort();
  connection_ = nullptr;
  connected_ = broken_ = false;
  facts().connected.store(false, std::memory_order_relaxed);
  // What was not handed over whole is read again, as far as it is still there.
  next_ -= read_.line_ends.size() - lines_sent_;
  text_.clear();
  read_.line_ends.clear();
  sent_ = lines_sent_ = 0;
  state_ = State::kResting;
  SetTimer(kRestMs);
}

LogRing::Read RingSender::Read(size_t bytes_max) {
  const LogFraming framing = server().octet_count ? LogFraming::kOctetCount : LogFraming::kLineFeed;
  const LogRing::Read result = plan_.ring.TryRead(&next_, bytes_max, framing, &text_, &read_);
  if (read_.lost > 0) {
    facts().lines_lost.Add(read_.lost);
    plan_.hub.dropped(plan_.context.loop->index()).Add(read_.lost);
    read_.lost = 0;
  }
  return result;
}

// True: all of text_ was taken.
bool RingSender::Send() {
  while (sent_ < text_.size() && !connection_->send_full()) {
    shard::ByteQueue queue(*plan_.context.slices);
    if (queue.Append(std::string_view(text_).substr(sent_), *plan_.context.small) == 0) break;
    const size_t taken = connection_->Send(queue);
    if (taken == 0) break;
    sent_ += taken;
  }
  size_t whole = lines_sent_;
  while (whole < read_.line_ends.size() && read_.line_ends[whole] <= sent_) ++whole;
  facts().lines_sent.Add(whole - lines_sent_);
  lines_sent_ = whole;
  if (sent_ < text_.size()) return false;
  text_.clear();
  read_.line_ends.clear();
  sent_ = lines_sent_ = 0;
  return true;
}

void RingSender::Push() {
  for (int round = 0; round < kRoundsMax; ++round) {
    LogRing::Read read = LogRing::Read::kSome;
    if (text_.empty()) read = Read(kReadBytes);
    if (read == LogRing::Read::kBusy) return Wake();
    const bool all = Send();
    WatchUnsent();
    if (!all) return connection_->WantWritable();
    if (read == LogRing::Read::kEnd) return;
  }
  Wake();
}

// Servers have nothing to say.
void RingSender::DropInput() {
  shard::ByteQueue queue(*plan_.context.slices);
  while (connection_->Recv(queue, kReadBytes) > 0) queue.Clear();
}

// Starts the time that unsent bytes may take, unless it runs.
void RingSender::WatchUnsent() {
  const uint32_t limit_ms = plan_.ring.plan().server_ms;
  if (limit_ms == 0) return;
  // Else the answer to a send that went whole may come much later.
  plan_.context.ring().NeedSendAnswers();
  if (timer_.deadline_ms() != 0 || connection_->unsent_bytes() == 0) return;
  noted_bytes_ = connection_->bytes_out();
  SetTimer(limit_ms);
}

bool RingSender::IsStuck() {
  if (connection_->unsent_bytes() == 0) return false;
  if (connection_->bytes_out() == noted_bytes_) return true;
  noted_bytes_ = connection_->bytes_out();
  SetTimer(plan_.ring.plan().server_ms);
  return false;
}

RingSenders::RingSenders(shard::ShardContext& context, LogHub& hub, std::function<void()> make_room)
    : context_(context), hub_(hub), make_room_(std::move(make_room)) {
  listener_.woken = &woken_;
  listener_.ring = &context.ring();
  for (uint32_t i = context.loop->index(); i < hub.plan().rings.size(); i += hub.shards()) {
    if (hub.plan().rings[i].servers.empty()) continue;
    LogRing& ring = hub.writer()->ring(i);
    rings_.push_back(&ring);
    for (uint32_t server = 0; server < ring.plan().servers.size(); ++server) {
      senders_.push_back(
          std::make_unique<RingSender>(RingSender::Plan{context_, hub_, ring, server, make_room_}));
    }
  }
}

void RingSenders::Start() {
  for (LogRing* ring : rings_) ring->SetListener(&listener_);
  for (const auto& sender : senders_) sender->Start();
}

void RingSenders::Stop() {
  for (LogRing* ring : rings_) ring->SetListener(nullptr);
  for (const auto& sender : senders_) sender->Stop();
}

void RingSenders::WakeAll() {
  // Before they look, so that what comes behind their look wakes again.
  woken_.store(false, std::memory_order_seq_cst);
  for (const auto& sender : senders_) sender->Wake();
}

void RingSenders::Listener::OnLines() noexcept {
  woken->store(true, std::memory_order_seq_cst);
  ring->Wake(nullptr);
}

uint32_t CountRingServers(const LogPlan& plan) {
  size_t count = 0;
  for (const LogRingPlan& ring : plan.rings) count += ring.servers.size();
  return uint32_t(count);
}

}  // namespace engine
