"""Mutations of the product that the simulator must notice: see tools/mutate, and docs/testing.md for which check sees which."""

from dataclasses import dataclass


@dataclass
class Mutation:
    """`old`, which stands once in `path`, becomes `new`; `seen` is what the failure says, as a pattern."""

    name: str
    path: str
    old: str
    new: str
    seen: str


MUTATIONS = [
    # ---- a release is dropped
    Mutation(
        "place-not-released",
        "engine/server/server_state.h",
        "if (server->limited()) server->backend->state->queue()->Release(shard_, server->index);",
        "",
        "places taken on|waits for ever|earned a 503",
    ),
    Mutation(
        "server-count-not-lowered",
        "engine/server/server_state.h",
        "    part().current.Sub();\n",
        "",
        "streams on server",
    ),
    Mutation(
        "shared-load-not-lowered",
        "engine/server/server_state.h",
        "    CountShared(-1);\n",
        "",
        "shared load on server",
    ),
    Mutation(
        "backend-count-not-lowered",
        "engine/session/stream.cc",
        "if (counted_in_backend_) backend_->state->part(worker_.index()).back_current.Sub();",
        "",
        "streams in backend",
    ),
    Mutation(
        "maxconn-not-released",
        "engine/session/worker.cc",
        "  ReleaseReserved(bind);\n  shard_->OnClientGone();\n",
        "  shard_->OnClientGone();\n",
        "waits for ever|left over",
    ),
    Mutation(
        "chunk-of-a-closing-connection-not-dropped",
        "shard/conn/connection.cc",
        "    if (completion.chunk != nullptr) ChunkPool::Drop(completion.chunk);\n    if (draining_",
        "    if (draining_",
        "chunks of shard|chunks are held",
    ),
    # ---- an edge is skipped
    Mutation(
        "no-way-back-from-connect-error",
        "shard/stream/stream_side.cc",
        "uint16_t(Mask(S::kTurnAround) | Mask(S::kRequested) | Mask(S::kClosed)),",
        "uint16_t(Mask(S::kTurnAround) | Mask(S::kClosed)),",
        "it died",
    ),
    Mutation(
        "a-queued-side-does-not-ask-again",
        "shard/stream/stream_side.cc",
        "if (slot_granted_ || ask_again_) {",
        "if (slot_granted_) {",
        "queued in backend|waits for ever|left over|earned a",
    ),
    Mutation(
        "no-timeout-in-the-queue",
        "shard/stream/stream_side.cc",
        "  if (Passed(state_deadline_ms_)) return Close(CloseReason::kQueueTimeout);\n",
        "",
        "never ends|left over|it died",
    ),
    Mutation(
        "one-side-does-not-end-the-other",
        "engine/session/stream.cc",
        "    if (deliver_rest) continue;\n    other.Abort(reason);\n",
        "    if (deliver_rest) continue;\n",
        "left over|it died|never ends",
    ),
    Mutation(
        "a-stream-waits-for-a-mux-that-has-gone",
        "engine/session/session.cc",
        "  if (switched_ != nullptr) std::exchange(switched_, nullptr)->DropSwitched();\n",
        "",
        "it died|left over",
    ),
    # ---- two phases are swapped
    Mutation(
        "closed-before-the-cancels",
        "shard/conn/connection.cc",
        "void Connection::FreeIfAnswered() {\n  if (fd_ < 0 && !ops_pending())",
        "void Connection::FreeIfAnswered() {\n  if (fd_ < 0)",
        "it died",
    ),
    Mutation(
        "limit-released-before-the-session",
        "engine/session/worker.cc",
        "  bind.frontend->state->part(index()).front_current.Sub();\n",
        "  ReleaseReserved(bind);\n",
        "clients|maxconn",
    ),
    Mutation(
        "lent-before-the-cancel-is-answered",
        "engine/mux/mux_h1_back.cc",
        "  state_ = State::kLeaving;\n  connection_.BeginMove();\n",
        "  state_ = State::kLeaving;\n  keeper_.OnMovable(*this, true);\n",
        "it died",
    ),
    # ---- what the simulator found once
    Mutation(
        "a-spoilt-pipe-stays",
        "shard/stream/stream_side.cc",
        "out_.ended() || out_.pipe()->spoiled;",
        "out_.ended();",
        "it died",
    ),
    Mutation(
        "others-are-ended-before-the-loop-knows",
        "shard/shard.cc",
        "  loop_->Stop();\n  app_->OnStop();\n",
        "  app_->OnStop();\n  loop_->Stop();\n",
        "sessions are left",
    ),
    # ---- traffic is mixed up or repeated
    Mutation(
        "kept-with-bytes-nobody-asked-for",
        "engine/mux/mux_h1_back.cc",
        "    return EndIdle();  // an end, or bytes nobody asked for\n",
        "    return;\n",
        "got the answer to exchange 999999|left over|earned a",
    ),
    Mutation(
        "kept-for-any-client",
        "engine/session/idle_pool.cc",
        "pool_key && mux.key == key &&",
        "pool_key &&",
        "told of client",
    ),
    Mutation(
        "anything-is-sent-again",
        "engine/session/http_retry.cc",
        "  if (phase_ != Phase::kServer || trailers_ != nullptr || !RequestCanRepeat(stream)) return false;\n",
        "  if (phase_ != Phase::kServer || trailers_ != nullptr) return false;\n",
        "came twice|framed otherwise|is wrong from|looks whole",
    ),
    Mutation(
        "a-pipe-keeps-what-was-left-in-it",
        "shard/conn/pipe_pool.cc",
        "  if (pipe->bytes > 0 || pipe->spoiled) return Close(pipe);\n",
        "",
        "is wrong from|got bytes|is another|looks whole|its bytes are",
    ),
    Mutation(
        "a-stream-has-two-reasons",
        "engine/session/session.cc",
        "  endpoint->Detach(CloseReason::kNoMemory, 0);\n",
        "  endpoint->Detach(CloseReason::kNoMemory, 0);\n"
        "  frontend().state->part(worker_.index()).by_reason[size_t(CloseReason::kNoMemory)].Add();\n",
        "reasons",
    ),
]
