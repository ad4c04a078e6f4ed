// http_peer.h - clients and servers of mode http: what each sends is known to the other by number,
// so that every byte that arrives can be asked for its way.
//
// Owns:    HttpTraffic has the exchanges and answers of a run.
// Threads: one thread.
// Units:   bytes of bodies.
// Errors:  what the proxy must not do fails the run: a request or an answer that is another's, that
//          is not what was sent, that looks whole and is not, that comes twice where it must not.
// States:  a client: asks -> reads answers in the order it asked -> gone. A server: reads a head ->
//          a body -> answers, at any time after the head -> next head, or gone.
//
// Both understand only what the proxy itself writes, and are strict about it.

#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tests/simulation/peer.h"

namespace simulation {

enum class BodyForm : uint8_t { kNone, kLength, kChunked, kUntilClose };

// One request of one client.
struct Exchange {
  uint32_t client = 0;
  const char* method = "GET";
  BodyForm form = BodyForm::kNone;
  size_t bytes = 0;
  bool is_malformed = false;  // no server may see its head
  bool is_broken = false;     // its body is, in the middle
  uint32_t arrivals = 0;      // heads that reached a server
  bool is_answered = false;   // by a server, whole

  bool is_head() const { return std::string_view(method) == "HEAD"; }
  // RFC 9110 section 9.2.2.
  bool may_repeat() const { return std::string_view(method) != "POST"; }
};

// What a server says to one request.
struct Answer {
  uint32_t exchange = 0;
  BodyForm form = BodyForm::kNone;
  size_t bytes = 0;
  bool may_be_short = false;  // ended by an orderly close, wherever the server was
};

struct HttpTraffic {
  bool orderly = false;   // peers keep to the protocol
  bool is_exact = false;  // and everything must arrive whole
  bool gets_only = false;
  bool sends_once = true;  // nothing that has reached a server may be sent again (retry-on)
  bool large = false;      // some bodies are worth splicing
  std::vector<Exchange> exchanges;
  std::vector<Answer> answers;
  size_t room_min() const { return large ? 6000 : 300; }
  uint64_t answered = 0;  // by servers, whole
  uint64_t refused = 0;   // answered by the proxy itself
};

class HttpClient final : public Peer {
 public:
  HttpClient(Journal& journal, HttpTraffic& traffic, uint32_t number,
             std::unique_ptr<tests::FakePeer> wire, Manner manner, std::string header, Dice& dice);
  static uint16_t PortOf(uint32_t number) { return uint16_t(30000 + number); }

 private:
  void DoAct(Dice& dice) override;
  void Ask(Dice& dice);
  void Parse();
  bool ParseHead();
  bool ParseBody();
  void TakeBody(std::string_view bytes);
  void EndAnswer();
  void OnEnd();

  HttpTraffic& traffic_;
  const uint32_t number_;
  uint32_t requests_left_;
  const bool pipelines_;
  const bool is_http10_;
  std::string out_;
  std::string in_;
  std::deque<uint32_t> asked_;  // exchanges that are not answered
  bool asks_no_more_ = false;
  bool told_to_close_ = false;
  bool cut_ = false;  // an answer, or the connection before one

  // Of the answer being read.
  bool in_body_ = false;
  BodyForm form_ = BodyForm::kNone;
  int status_ = 0;
  int64_t answer_ = -1;  // the server's; -1: of the proxy itself
  size_t left_ = 0;      // of the length or of the chunk
  size_t got_ = 0;
  bool in_chunk_ = false;
  bool closes_ = false;
};

class HttpServer final : public Peer {
 public:
  // `announced_by`: as TcpPeer's.
  HttpServer(Journal& journal, HttpTraffic& traffic, uint32_t number,
             std::unique_ptr<tests::FakePeer> wire, Manner manner, int announced_by, Dice& dice);

 private:
  void DoAct(Dice& dice) override;
  void OnHangup(bool reset) override;
  void Parse(Dice& dice);
  bool ParseHead(Dice& dice);
  bool ParseBody();
  void TakeBody(std::string_view bytes);
  void Say(Dice& dice);

  HttpTraffic& traffic_;
  const int announced_by_;
  uint32_t announced_ = 0;  // client
  bool header_taken_ = false;
  std::string in_;
  std::string out_;
  int64_t exchange_ = -1;  // under way
  int64_t answer_ = -1;    // to it
  bool in_body_ = false;
  bool in_chunk_ = false;
  bool body_done_ = false;
  BodyForm form_ = BodyForm::kNone;
  size_t left_ = 0;
  size_t got_ = 0;
  uint32_t served_ = 0;
  bool answered_ = false;    // the exchange under way
  bool ends_after_ = false;  // what is queued is the last
  bool resets_after_ = false;
  bool says_nothing_ = false;
};

}  // namespace simulation
