#include "tests/simulation/http_peer.h"

#include <cstdlib>

#include "base/text.h"

namespace simulation {
namespace {

constexpr uint64_t kRequestKeys = 1'000'000;
constexpr uint64_t kAnswerKeys = 2'000'000;
// What a peer puts onto a line at once; the rest comes when it acts again.
constexpr size_t kHeadBytesMax = 20000;

constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string Chunked(std::string_view body, Dice& dice) {
  std::string text;
  while (!body.empty()) {
    const size_t n = 1 + dice.Below(std::min<size_t>(body.size(), dice.OneIn(3) ? 20 : 4000));
    text += base::Format("%zx\r\n", n);
    text.append(body.substr(0, n)).append("\r\n");
    body.remove_prefix(n);
  }
  return text.append(kLastChunk);
}

// The value of a field in a head whose lines end in CRLF; empty: there is none.
std::string_view FieldOf(std::string_view head, std::string_view name) {
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    std::string_view line = head.substr(at + 2);
    const size_t end = line.find("\r\n");
    line = line.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        base::EqualsIgnoreCase(line.substr(0, name.size()), name)) {
      return base::Trim(line.substr(name.size() + 1));
    }
    at = end == std::string_view::npos ? end : at + 2 + end;
  }
  return {};
}

int64_t NumberOf(std::string_view text) {
  if (text.empty() || text.size() > 9) return -1;
  int64_t number = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

BodyForm FormOf(std::string_view head, size_t* length) {
  if (base::EqualsIgnoreCase(FieldOf(head, "transfer-encoding"), "chunked")) {
    return BodyForm::kChunked;
  }
  const std::string_view value = FieldOf(head, "content-length");
  if (value.empty()) return BodyForm::kUntilClose;
  *length = size_t(std::max<int64_t>(NumberOf(value), 0));
  return BodyForm::kLength;
}

// Reads a chunk's first line, or the CRLF behind it and the next first line. False: not here yet,
// or `*bad`. `*left` 0: that was the last.
bool NextChunk(std::string& in, bool after_chunk, size_t* left, bool* bad) {
  const size_t from = after_chunk ? 2 : 0;
  if (in.size() < from) return false;
  if (after_chunk && in.compare(0, 2, "\r\n") != 0) return *bad = true, false;
  const size_t end = in.find("\r\n", from);
  if (end == std::string::npos) return *bad = in.size() > from + 20, false;
  char* stop = nullptr;
  const unsigned long long size = std::strtoull(in.c_str() + from, &stop, 16);
  if (stop == in.c_str() + from || stop != in.c_str() + end) return *bad = true, false;
  if (size == 0) {
    if (in.size() < end + 4) return false;
    if (in.compare(end, 4, "\r\n\r\n") != 0) return *bad = true, false;
    in.erase(0, end + 4);
  } else {
    in.erase(0, end + 2);
  }
  *left = size_t(size);
  return true;
}

size_t SizeOf(bool large, Dice& dice) {
  if (large && dice.OneIn(3)) return dice.Between(60000, 180000);
  return dice.OneIn(4) ? dice.Below(12000) : dice.Below(800);
}

}  // namespace

// ---- client -----------------------------------------------------------------------------------

HttpClient::HttpClient(Journal& journal, HttpTraffic& traffic, uint32_t number,
                       std::unique_ptr<tests::FakePeer> wire, Manner manner, std::string header,
                       Dice& dice)
    : Peer(journal, base::Format("http client %u", number), std::move(wire), manner,
           traffic.room_min(), dice),
      traffic_(traffic),
      number_(number),
      requests_left_(uint32_t(dice.OneIn(3) ? 1 : dice.Between(1, 5))),
      pipelines_(dice.OneIn(3)),
      is_http10_(dice.OneIn(10)),
      out_(std::move(header)) {}

void HttpClient::Ask(Dice& dice) {
  --requests_left_;
  const auto id = uint32_t(traffic_.exchanges.size());
  Exchange exchange;
  exchange.client = number_;
  const bool has_body = !traffic_.gets_only && dice.OneIn(3);
  exchange.method = has_body ? dice.Of({"POST", "POST", "PUT"}) : dice.Of({"GET", "GET", "HEAD"});
  if (has_body) {
    exchange.form = is_http10_ || dice.OneIn(2) ? BodyForm::kLength : BodyForm::kChunked;
    exchange.bytes = SizeOf(traffic_.large, dice);
  }
  exchange.is_malformed = !traffic_.orderly && dice.OneIn(25);
  exchange.is_broken = !traffic_.orderly && !exchange.is_malformed &&
                       exchange.form == BodyForm::kChunked && dice.OneIn(10);
  const bool closes = is_http10_ || dice.OneIn(12);
  const std::string_view body = TextOf(kRequestKeys + id, 0, exchange.bytes);
  out_ += base::Format("%s /x%u HTTP/1.%d\r\nHost: sim\r\nX-Exchange: %u\r\nX-Client: %u\r\n",
                       exchange.method, id, is_http10_ ? 0 : 1, id, number_);
  if (dice.OneIn(8)) out_ += "X-Pad: " + std::string(dice.Below(1200), 'p') + "\r\n";
  if (closes && !is_http10_) out_ += "Connection: close\r\n";
  if (exchange.is_malformed) {
    out_ += dice.Of({"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "No colon\r\n\r\n",
                     "Content-Length: -1\r\n\r\n", "Transfer-Encoding: gzip\r\n\r\n"});
  } else if (exchange.form == BodyForm::kNone) {
    out_ += "\r\n";
  } else if (exchange.form == BodyForm::kLength) {
    out_ += base::Format("Content-Length: %zu\r\n\r\n", exchange.bytes);
    out_ += body;
  } else {
    out_ += "Transfer-Encoding: chunked\r\n\r\n";
    std::string chunks =
        Chunked(exchange.is_broken ? body.substr(0, dice.Below(body.size())) : body, dice);
    if (exchange.is_broken)
      chunks.replace(chunks.size() - kLastChunk.size(), std::string::npos, "zz\r\n");
    out_ += chunks;
  }
  asks_no_more_ = closes || exchange.is_malformed || exchange.is_broken;
  journal().Note("  %s asks: exchange %u, %s, %zu bytes%s%s", name().c_str(), id, exchange.method,
                 exchange.bytes, exchange.is_malformed ? ", malformed" : "",
                 exchange.is_broken ? ", broken" : "");
  traffic_.exchanges.push_back(exchange);
  asked_.push_back(id);
}

void HttpClient::DoAct(Dice& dice) {
  const bool may_ask = requests_left_ > 0 && !asks_no_more_ && !told_to_close_;
  if (may_ask && (asked_.empty() || (pipelines_ && asked_.size() < 3)) && dice.OneIn(2)) Ask(dice);
  if (!out_.empty() && !dice.OneIn(4)) {
    const size_t max = dice.OneIn(3) ? dice.Below(300) + 1 : out_.size();
    out_.erase(0, Write(std::string_view(out_).substr(0, max)));
  }
  if (!dice.OneIn(4)) {
    in_ += Read(dice.OneIn(3) ? dice.Below(3000) : SIZE_MAX);
    Parse();
  }
  if (journal().failed()) return;
  if (AtEnd()) return OnEnd();
  const bool done = asked_.empty() && out_.empty() && (requests_left_ == 0 || asks_no_more_);
  if (done && dice.OneIn(3)) Finish(!cut_);
}

void HttpClient::Parse() {
  while (!in_.empty() && !journal().failed()) {
    if (told_to_close_ && !in_body_) {
      return journal().Fail("%s: %zu bytes after the last answer", name().c_str(), in_.size());
    }
    if (!(in_body_ ? ParseBody() : ParseHead())) return;
  }
}

bool HttpClient::ParseHead() {
  const size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (in_.size() > kHeadBytesMax) journal().Fail("%s: an endless head", name().c_str());
    return false;
  }
  const std::string head = in_.substr(0, end + 2);
  in_.erase(0, end + 4);
  status_ = head.compare(0, 9, "HTTP/1.1 ") == 0 ? std::atoi(head.c_str() + 9) : 0;
  if (status_ < 100 || status_ > 599) {
    journal().Fail("%s: no answer begins with \"%s\"", name().c_str(), head.substr(0, 40).c_str());
    return false;
  }
  const int64_t exchange = NumberOf(FieldOf(head, "x-exchange"));
  const bool is_ours = FieldOf(head, "x-exchange").empty();  // the proxy's own
  if (asked_.empty() && !(is_ours && (status_ == 408 || status_ == 400))) {
    journal().Fail("%s: %d for no request", name().c_str(), status_);
    return false;
  }
  if (!is_ours && exchange != int64_t(asked_.front())) {
    journal().Fail("%s: got the answer to exchange %lld for %u", name().c_str(),
                   (long long)exchange, asked_.front());
    return false;
  }
  journal().Note("  %s sees %d for exchange %d%s%s", name().c_str(), status_,
                 asked_.empty() ? -1 : int(asked_.front()),
                 FieldOf(head, "connection").empty() ? "" : ", connection: ",
                 std::string(FieldOf(head, "connection")).c_str());
  if (status_ < 200) return true;
  answer_ = is_ours ? -1 : NumberOf(FieldOf(head, "x-answer"));
  if (!is_ours && (answer_ < 0 || size_t(answer_) >= traffic_.answers.size() ||
                   traffic_.answers[size_t(answer_)].exchange != asked_.front())) {
    journal().Fail("%s: an answer nobody gave to exchange %u", name().c_str(), asked_.front());
    return false;
  }
  if (is_ours && traffic_.is_exact) {
    journal().Fail("%s: exchange %u earned a %d of the proxy", name().c_str(),
                   asked_.empty() ? 0 : asked_.front(), status_);
    return false;
  }
  // What the proxy could not read it answers as if it were no HEAD.
  const bool is_unread = is_ours && (status_ == 400 || status_ == 408);
  const bool is_head =
      !is_unread && !asked_.empty() && traffic_.exchanges[asked_.front()].is_head();
  left_ = got_ = 0;
  form_ = FormOf(head, &left_);
  closes_ = base::EqualsIgnoreCase(FieldOf(head, "connection"), "close");
  if (is_head || status_ == 204 || status_ == 304) form_ = BodyForm::kNone;
  in_body_ = true;
  in_chunk_ = false;
  if (form_ == BodyForm::kNone || (form_ == BodyForm::kLength && left_ == 0)) EndAnswer();
  return true;
}

void HttpClient::TakeBody(std::string_view bytes) {
  if (answer_ >= 0) {
    const std::string_view expected = TextOf(kAnswerKeys + uint64_t(answer_), got_, bytes.size());
    const Answer& answer = traffic_.answers[size_t(answer_)];
    if (bytes != expected || got_ + bytes.size() > answer.bytes) {
      journal().Fail("%s: the body of answer %lld is wrong from byte %zu on", name().c_str(),
                     (long long)answer_, got_);
    }
  }
  got_ += bytes.size();
}

bool HttpClient::ParseBody() {
  if (form_ == BodyForm::kChunked && left_ == 0) {
    bool bad = false;
    if (!NextChunk(in_, in_chunk_, &left_, &bad)) {
      if (bad) journal().Fail("%s: a broken chunk", name().c_str());
      return false;
    }
    in_chunk_ = true;
    if (left_ == 0) EndAnswer();
    return true;
  }
  const size_t n = form_ == BodyForm::kUntilClose ? in_.size() : std::min(left_, in_.size());
  TakeBody(std::string_view(in_).substr(0, n));
  in_.erase(0, n);
  if (form_ != BodyForm::kUntilClose) left_ -= n;
  if (form_ == BodyForm::kLength && left_ == 0) EndAnswer();
  return n > 0;
}

// The answer looks whole.
void HttpClient::EndAnswer() {
  in_body_ = false;
  if (answer_ >= 0) {
    const Answer& answer = traffic_.answers[size_t(answer_)];
    if (form_ != BodyForm::kNone && got_ != answer.bytes &&
        !(answer.form == BodyForm::kUntilClose && answer.may_be_short) &&
        (form_ != BodyForm::kUntilClose || traffic_.is_exact)) {
      return journal().Fail("%s: answer %lld looks whole with %zu of %zu bytes", name().c_str(),
                            (long long)answer_, got_, answer.bytes);
    }
    traffic_.exchanges[answer.exchange].is_answered = true;
    ++traffic_.answered;
  } else {
    ++traffic_.refused;
  }
  if (!asked_.empty()) asked_.pop_front();
  if (closes_ || form_ == BodyForm::kUntilClose) told_to_close_ = true;
}

void HttpClient::OnEnd() {
  if (in_body_ && form_ == BodyForm::kUntilClose && !WasReset()) EndAnswer();
  const bool whole = !in_body_ && in_.empty() && (asked_.empty() || told_to_close_);
  if (traffic_.is_exact && (!whole || WasReset())) {
    journal().Fail("%s: the connection ended with %zu requests unanswered%s", name().c_str(),
                   asked_.size(), in_body_ ? ", in the middle of an answer" : "");
  }
  Finish(whole);
}

// ---- server -----------------------------------------------------------------------------------

HttpServer::HttpServer(Journal& journal, HttpTraffic& traffic, uint32_t number,
                       std::unique_ptr<tests::FakePeer> wire, Manner manner, int announced_by,
                       Dice& dice)
    : Peer(journal, base::Format("http server %u", number), std::move(wire), manner,
           traffic.room_min(), dice),
      traffic_(traffic),
      announced_by_(announced_by) {}

void HttpServer::DoAct(Dice& dice) {
  if (!dice.OneIn(4)) {
    in_ += Read(dice.OneIn(3) ? dice.Below(3000) : SIZE_MAX);
    Parse(dice);
    if (journal().failed()) return;
  }
  const bool may_answer = exchange_ >= 0 && !answered_ && !says_nothing_;
  if (may_answer && (body_done_ ? !dice.OneIn(3) : dice.OneIn(10))) Say(dice);
  if (!out_.empty() && !dice.OneIn(4)) {
    const size_t max = dice.OneIn(3) ? dice.Below(300) + 1 : out_.size();
    out_.erase(0, Write(std::string_view(out_).substr(0, max)));
  }
  const bool over = exchange_ >= 0 && body_done_ && answered_ && out_.empty();
  if (ends_after_ && out_.empty() && (over || !traffic_.orderly)) return Hangup(resets_after_);
  if (over) {
    exchange_ = -1;
    ++served_;
    Parse(dice);
  }
  if (AtEnd()) return Finish(true);
  // An idle connection may end at any time, where that costs nobody a request.
  const bool idle = exchange_ < 0 && in_.empty() && served_ > 0 && !ends_after_;
  // A reset, which might overtake the last answer, is for those who keep to no protocol.
  if (idle && (traffic_.gets_only || !traffic_.orderly) && dice.OneIn(30)) {
    Hangup(dice.OneIn(4) && !traffic_.orderly);
  }
}

void HttpServer::Parse(Dice& dice) {
  if (announced_by_ != 0 && !header_taken_) {
    const int port = TakeProxyHeader(announced_by_, in_);
    if (port < 0) return journal().Fail("%s: no PROXY header", name().c_str());
    if (port == 0) return;
    header_taken_ = true;
    if (port != kNotTold) announced_ = uint32_t(port - HttpClient::PortOf(0));
  }
  while (!in_.empty() && !journal().failed()) {
    if (exchange_ >= 0 && body_done_) return;  // pipelined: not before the answer
    if (!(in_body_ ? ParseBody() : ParseHead(dice))) return;
  }
}

bool HttpServer::ParseHead(Dice& dice) {
  const size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (in_.size() > kHeadBytesMax) journal().Fail("%s: an endless head", name().c_str());
    return false;
  }
  const std::string head = in_.substr(0, end + 2);
  in_.erase(0, end + 4);
  const int64_t id = NumberOf(FieldOf(head, "x-exchange"));
  if (id < 0 || size_t(id) >= traffic_.exchanges.size()) {
    journal().Fail("%s: a request nobody sent: \"%s\"", name().c_str(), head.substr(0, 60).c_str());
    return false;
  }
  Exchange& exchange = traffic_.exchanges[size_t(id)];
  const std::string line = base::Format("%s /x%lld HTTP/1.", exchange.method, (long long)id);
  journal().Note("  %s sees exchange %lld", name().c_str(), (long long)id);
  if (head.compare(0, line.size(), line) != 0 ||
      NumberOf(FieldOf(head, "x-client")) != int64_t(exchange.client)) {
    journal().Fail("%s: exchange %lld is mixed with another", name().c_str(), (long long)id);
  }
  if (announced_ != 0 && announced_ != exchange.client) {
    journal().Fail("%s: told of client %u, got exchange %lld of client %u", name().c_str(),
                   announced_, (long long)id, exchange.client);
  }
  if (exchange.is_malformed) {
    journal().Fail("%s: got exchange %lld, which is malformed", name().c_str(), (long long)id);
  }
  ++exchange.arrivals;
  if (exchange.arrivals > 1 && !exchange.may_repeat() && traffic_.sends_once) {
    journal().Fail("%s: exchange %lld, a POST, came twice", name().c_str(), (long long)id);
  }
  left_ = got_ = 0;
  form_ = FormOf(head, &left_);
  if (form_ == BodyForm::kUntilClose) form_ = BodyForm::kNone;
  const bool as_sent = exchange.form == form_ || (exchange.bytes == 0 && left_ == 0);
  if (!as_sent || (form_ == BodyForm::kLength && left_ != exchange.bytes)) {
    journal().Fail("%s: the body of exchange %lld is framed otherwise", name().c_str(),
                   (long long)id);
  }
  exchange_ = id;
  answered_ = false;
  says_nothing_ = !traffic_.orderly && dice.OneIn(15);
  in_chunk_ = false;
  body_done_ = form_ == BodyForm::kNone || (form_ == BodyForm::kLength && left_ == 0);
  in_body_ = !body_done_;
  return true;
}

void HttpServer::TakeBody(std::string_view bytes) {
  const Exchange& exchange = traffic_.exchanges[size_t(exchange_)];
  const std::string_view expected = TextOf(kRequestKeys + uint64_t(exchange_), got_, bytes.size());
  if (bytes != expected || got_ + bytes.size() > exchange.bytes) {
    journal().Fail("%s: the body of exchange %lld is wrong from byte %zu on", name().c_str(),
                   (long long)exchange_, got_);
  }
  got_ += bytes.size();
}

bool HttpServer::ParseBody() {
  const Exchange& exchange = traffic_.exchanges[size_t(exchange_)];
  if (form_ == BodyForm::kChunked && left_ == 0) {
    bool bad = false;
    if (!NextChunk(in_, in_chunk_, &left_, &bad)) {
      if (bad) journal().Fail("%s: a broken chunk", name().c_str());
      return false;
    }
    in_chunk_ = true;
    if (left_ > 0) return true;
  } else {
    const size_t n = std::min(left_, in_.size());
    TakeBody(std::string_view(in_).substr(0, n));
    in_.erase(0, n);
    left_ -= n;
    if (left_ > 0 || form_ == BodyForm::kChunked) return n > 0;
  }
  in_body_ = false;
  body_done_ = true;
  if (got_ != exchange.bytes || exchange.is_broken) {
    journal().Fail("%s: exchange %lld looks whole with %zu of %zu bytes", name().c_str(),
                   (long long)exchange_, got_, exchange.bytes);
  }
  return true;
}

void HttpServer::Say(Dice& dice) {
  answered_ = true;
  const Exchange& exchange = traffic_.exchanges[size_t(exchange_)];
  const auto id = uint64_t(traffic_.answers.size());
  Answer answer;
  answer.exchange = uint32_t(exchange_);
  int status = dice.Of({200, 200, 200, 200, 404, 500, 401, 503});
  answer.form = dice.Of({BodyForm::kLength, BodyForm::kLength, BodyForm::kChunked,
                         BodyForm::kChunked, BodyForm::kUntilClose, BodyForm::kNone});
  if (answer.form == BodyForm::kNone) {
    status = dice.Of({204, 304});
  } else if (!exchange.is_head()) {
    answer.bytes = SizeOf(traffic_.large, dice);
  }
  const bool closes = answer.form == BodyForm::kUntilClose || dice.OneIn(6);
  if (dice.OneIn(8)) out_ += "HTTP/1.1 103 Early Hints\r\nX-Hint: a\r\n\r\n";
  const size_t from = out_.size();
  out_ += base::Format("HTTP/1.1 %d Answer\r\nX-Exchange: %lld\r\nX-Answer: %llu\r\n", status,
                       (long long)exchange_, (unsigned long long)id);
  if (dice.OneIn(8)) out_ += "X-Pad: " + std::string(dice.Below(1200), 'p') + "\r\n";
  if (closes) out_ += "Connection: close\r\n";
  const std::string_view body = TextOf(kAnswerKeys + id, 0, answer.bytes);
  if (answer.form == BodyForm::kLength) {
    out_ += base::Format("Content-Length: %zu\r\n\r\n", answer.bytes);
    out_ += body;
  } else if (answer.form == BodyForm::kChunked) {
    out_ += "Transfer-Encoding: chunked\r\n\r\n";
    if (!exchange.is_head()) out_ += Chunked(body, dice);
  } else {
    out_ += "\r\n";
    out_ += body;
  }
  ends_after_ = closes;
  if (!traffic_.orderly && dice.OneIn(6)) {
    ends_after_ = true;
    resets_after_ = dice.OneIn(2);
    switch (dice.Below(3)) {
      case 0:
        out_.resize(from + dice.Below(out_.size() - from));
        answer.may_be_short = !resets_after_;
        break;
      case 1:
        out_ = "!\x01 this is not HTTP\r\n\r\n";
        break;
      default:
        out_ += "HTTP/1.1 200 OK\r\nX-Exchange: 999999\r\nContent-Length: 0\r\n\r\n";
        if (answer.form == BodyForm::kUntilClose) out_.resize(from);  // it would be of the body
        break;
    }
  }
  journal().Note("  %s answers exchange %lld: answer %llu, %d, form %d, %zu bytes%s",
                 name().c_str(), (long long)exchange_, (unsigned long long)id, status,
                 int(answer.form), answer.bytes, ends_after_ ? ", the last" : "");
  answer_ = int64_t(id);
  traffic_.answers.push_back(answer);
}

// What ends a body by closing, in its middle, leaves what looks like an end.
void HttpServer::OnHangup(bool reset) {
  if (exchange_ >= 0 && answered_ && !reset && !out_.empty()) {
    traffic_.answers[size_t(answer_)].may_be_short = true;
  }
}

}  // namespace simulation
