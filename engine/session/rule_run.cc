#include "engine/session/rule_run.h"

#include "engine/mux/http_endpoint.h"
#include "engine/server/http_replies.h"
#include "engine/server/rule_keywords.h"
#include "engine/server/server_state.h"
#include "engine/session/http_reply.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

size_t FieldsBytes(const proto::FieldList& fields) {
  constexpr size_t kAroundBytes = 4;  // ": " and the end of the line
  size_t bytes = 0;
  for (const proto::Field& field : fields) {
    bytes += field.name().size() + field.value().size() + kAroundBytes;
  }
  return bytes;
}

// The first line and the empty one, at the most.
size_t LineBytes(const proto::RequestHead& head) {
  constexpr size_t kRestBytes = 24;
  return head.method_text.size() + head.scheme.size() + head.authority.size() + head.path.size() +
         head.query.size() + kRestBytes;
}

}  // namespace

bool IsFramingField(proto::FieldName id) {
  return id == proto::FieldName::kContentLength || id == proto::FieldName::kTransferEncoding;
}

RuleContext::RuleContext(Stream& stream, RuleCursor& cursor)
    : StreamContext(stream), cursor_(cursor) {
  if (!stream.is_http()) SetLatent(needs::kRequestHead);
}

RuleContext::~RuleContext() {
  if (read_ != nullptr) worker->FreeRequest(read_);
}

void RuleContext::Obtain() {
  shard::Channel& channel = stream->request();
  // In rules on the response the server has had it.
  if (in_response || channel.bytes_consumed() > 0) return SetLatent(needs::kNothing);
  if (read_ == nullptr) {
    const shard::ShardContext& shard = worker->context();
    if (channel.bytes().empty()) return NoteMore(channel);
    read_ = worker->NewRequest(*frontend->http_profile);
    if (read_ == nullptr || !MakeContiguous(channel.bytes(), *shard.slices, *shard.small)) {
      return SetLatent(needs::kNothing);
    }
    found_ = read_->parser.Parse(channel.bytes().front().view());
  }
  if (found_ == proto::ParseResult::kNeedMore) return NoteMore(channel);
  SetLatent(needs::kNothing);
  if (found_ == proto::ParseResult::kDone) request = &read_->head;
}

void RuleContext::NoteMore(const shard::Channel& channel) {
  if (!channel.ended() && channel.room() > 0) SetUnsettled(true);
}

uint64_t RuleContext::now_ms() const { return worker->context().now_ms(); }

proto::FieldList* RuleContext::fields() {
  if (in_response) return response == nullptr ? nullptr : &response->fields;
  return request == nullptr ? nullptr : &request->fields;
}

base::Arena* RuleContext::arena() {
  proto::FieldList* list = fields();
  return list == nullptr ? nullptr : &list->arena();
}

bool RuleContext::HasRoom(size_t bytes) const {
  constexpr size_t kStatusLineBytes = 64;
  const size_t used =
      in_response ? FieldsBytes(response->fields) + response->reason.size() + kStatusLineBytes
                  : FieldsBytes(request->fields) + LineBytes(*request);
  return used + bytes <= worker->configuration().global.bufsize;
}

Verdict RuleContext::Failed() {
  Count(&RuleCounts::rewrites_failed);
  if (cursor_.lenient || after_) return Verdict::kContinue;
  return AnswerStatus(in_response ? 502 : 500);
}

Verdict RuleContext::AnswerStatus(uint16_t status) {
  RuleReply reply;
  reply.status = status;
  return Answer(reply, true);
}

Verdict RuleContext::AnswerLate() {
  const bool client = !in_response;
  stream->AnswerByRule(
      FindReply(*frontend, stream->backend(), client ? 408 : 504), {},
      client ? shard::CloseReason::kClientTimeout : shard::CloseReason::kServerTimeout);
  return Verdict::kEnd;
}

Verdict RuleContext::Answer(const RuleReply& rule, bool refused) {
  const shard::CloseReason reason =
      refused ? shard::CloseReason::kRejected : shard::CloseReason::kLocal;
  if (stream->front() == nullptr) return Close();
  stream->AnswerByRule(
      rule.reply != nullptr ? *rule.reply : FindReply(*frontend, stream->backend(), rule.status),
      {}, reason);
  return Verdict::kEnd;
}

// Of a backend and a server once the stream has come to them.
void RuleContext::Count(base::Counter RuleCounts::*counter) {
  if (stream == nullptr) return;  // its session counts
  const uint32_t shard = worker->index();
  (frontend->state->part(shard).front_rules.*counter).Add();
  const ProxyConfig* back = stream->backend();
  if (back != nullptr) (back->state->part(shard).back_rules.*counter).Add();
  const ServerConfig* server = in_response ? stream->log().server() : nullptr;
  if (server != nullptr) (server->state->part(shard).rules.*counter).Add();
}

void RuleContext::CountDenied() {
  Count(in_response ? &RuleCounts::denied_responses : &RuleCounts::denied_requests);
}

Verdict RuleContext::Reject() {
  CountDenied();
  return Close();
}

Verdict RuleContext::Close() {
  // Without a stream its session closes.
  if (stream != nullptr) stream->Reject(shard::CloseReason::kRejected);
  return Verdict::kEnd;
}

Verdict RunRules(const RuleSet& set, RuleContext& context) {
  RuleCursor& cursor = context.cursor();
  Stream* const stream = context.stream;
  Verdict verdict = Verdict::kContinue;
  if (stream != nullptr) stream->SetWaitingRule(nullptr);
  for (; cursor.next < set.rules.size(); ++cursor.next) {
    const Rule& rule = set.rules[cursor.next];
    if (!cursor.acting && rule.condition) {
      const Outcome outcome = rule.condition->Run(context);
      // All of the set again with the next bytes: what an earlier rule reads of them may be there
      // by then (manual 4.2, tcp-request inspect-delay).
      if (outcome == Outcome::kLater) {
        cursor.next = 0;
        if (stream != nullptr) stream->SetWaitingRule(&rule);
        return Verdict::kYield;
      }
      if (outcome == Outcome::kNo) continue;
    }
    char* const mark = context.scratch().Take(0);
    verdict = rule.action->Run(context);
    context.scratch().Shrink(mark, 0);
    if (cursor.acting && verdict != Verdict::kYield) cursor.until_ms = 0;
    cursor.acting = verdict == Verdict::kYield;
    if (verdict == Verdict::kContinue) continue;
    if (stream == nullptr) break;
    verdict == Verdict::kYield ? stream->SetWaitingRule(&rule) : stream->SetLastRule(&rule);
    break;
  }
  if (verdict == Verdict::kYield) return verdict;
  cursor = {};
  return verdict;
}

}  // namespace engine
