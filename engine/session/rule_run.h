// rule_run.h - running the rules of a proxy over a stream or a connection, with pauses.
//
// Owns:    a RuleCursor says how far a run has come; it lives in the stream or the session.
// Threads: shard-local.
// Units:   milliseconds of the shard's clock.
// Errors:  a rewriting that finds no room answers 500 (502 for a response), unless strict-mode is
//          off (manual 4.4).
// States:  no run -> under way (kYield: again when the stream is run) -> no run.
//
//   RuleContext context(stream, cursor);
//   switch (RunRules(rules.set(RuleStage::kHttpRequest), context)) ...

#pragma once

#include <cstdint>
#include <string_view>

#include "engine/mux/h1_message.h"
#include "engine/server/exchange_counts.h"
#include "engine/server/rule_config.h"
#include "engine/session/stream_context.h"
#include "shard/conn/close_reason.h"

namespace engine {

struct RuleReply;

struct RuleCursor {
  uint32_t next = 0;
  bool acting = false;    // its condition held: its action goes on
  bool lenient = false;   // strict-mode off, until the set is over
  uint64_t until_ms = 0;  // when to ask again at the latest; 0: nothing is awaited from the clock
};

class RuleContext final : public StreamContext {
 public:
  RuleContext(Stream& stream, RuleCursor& cursor);
  RuleContext(Session& session, shard::Connection* connection, RuleCursor& cursor)
      : StreamContext(session, connection), cursor_(cursor) {}
  ~RuleContext() override;

  RuleCursor& cursor() { return cursor_; }
  // http-after-response: the answer is on its way, and no other can take its place.
  void SetAfter() { after_ = true; }
  uint64_t now_ms() const;

  // The head that the rules are about.
  proto::FieldList* fields();
  base::Arena* arena();
  // `bytes` more may be added to that head (tune.maxrewrite, tune.bufsize).
  bool HasRoom(size_t bytes) const;
  // What a rewriting without room means.
  Verdict Failed();

  // Answers the client instead of forwarding, and ends the exchange. A request is answered by `log`
  // letters of a refusal when `refused`.
  Verdict Answer(const RuleReply& reply, bool refused);
  Verdict AnswerStatus(uint16_t status);
  // What the message is waited for has not come in time.
  Verdict AnswerLate();
  // Closes without a word.
  Verdict Reject();
  // A rule has refused what it is about.
  void CountDenied();

  // In mode tcp: reads the bytes that came as a request (manual 4.2, tcp-request content). One that
  // is not whole leaves the fetch unsettled; what is none is none.
  void Obtain() override;

 private:
  Verdict Close();
  void Count(base::Counter RuleCounts::*counter);
  void NoteMore(const shard::Channel& channel);

  RuleCursor& cursor_;
  H1Request* read_ = nullptr;  // from bytes of mode tcp
  proto::ParseResult found_ = proto::ParseResult::kNeedMore;
  bool after_ = false;
};

// From where the cursor stands. kContinue: all rules were passed. The cursor is reset unless it
// yields.
Verdict RunRules(const RuleSet& set, RuleContext& context);

// Names that rules cannot change: how a message is framed is the muxes' business, and a change here
// would make the next hop read another message than we do.
bool IsFramingField(proto::FieldName id);

}  // namespace engine
