// broken_tls_peer.h - a client or a server of TLS that breaks the protocol in one named way.
//
// Owns:    its end of the protocol; the bytes travel as the caller wills.
// Threads: one.
// Units:   bytes.
// Errors:  none: whatever comes is answered, or not.
// States:  honest until the moment its way names, then silent, unless the way says it goes on.
//
// An honest end of the library speaks into memory. What it wants to send is opened with the secrets
// of its key log, cut into messages, handed to the way, and sealed again by this peer. So a way can
// change, drop, repeat or add anything, also behind the encryption. It needs a processor with AES:
// else the library prefers a suite that this peer cannot open.
//
//   BrokenTlsPeer peer(*FindBrokenWay("finished_wrong_13"));
//   to_send = peer.Step(came);              // until the other end closes
//   peer.alert()                            // what it was told, -1: nothing

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/conn/close_reason.h"

namespace tests {

// Types of records.
inline constexpr uint8_t kTlsCcs = 20;
inline constexpr uint8_t kTlsAlert = 21;
inline constexpr uint8_t kTlsHandshake = 22;
inline constexpr uint8_t kTlsData = 23;

enum class TlsSide : uint8_t { kClient, kServer };
// When a way acts: instead of the first flight, of the second one, or on what lies in the open
// connection, which are two records of data.
enum class BreakAt : uint8_t { kHello, kAnswer, kData };
// How the wire ends behind what was sent.
enum class WireEnd : uint8_t { kStays, kFin, kReset };

// What keys a record is sealed with.
enum class Epoch : uint8_t { kPlain, kHandshake, kTraffic };

struct TlsPiece {
  uint8_t type = 0;  // of the record; 0: `body` goes onto the wire as it is
  Epoch epoch = Epoch::kPlain;
  std::string body;  // of a handshake record: one message
};

class BrokenTlsPeer;

// What a way may do.
struct BreakAct {
  BrokenTlsPeer& peer;
  std::vector<TlsPiece>& flight;
  const std::vector<TlsPiece>& first;  // the first flight of this peer
  Epoch epoch;                         // of who sends now
  WireEnd end = WireEnd::kStays;
  bool goes_on = false;  // honest from here on

  void Raw(std::string bytes);
  void Replace(std::string bytes);  // instead of the flight
  void Say(uint8_t type, std::string body);
  std::string Seal(const TlsPiece& piece);
  TlsPiece* Message(uint8_t kind);  // of the handshake; null: not in this flight
  void Drop(uint8_t kind);
};

// What becomes of a connection with such a peer.
enum class BreakFate : uint8_t {
  kRefused,  // it ends for `reason`; `alert` was said before that, -1: none
  kServed,   // legal, if strange
  kCut,      // open, read to an end that is a truncation
  kEnded,    // open, read to an end in order; what lies behind that is not read
  kWaits,    // until a timeout
};

struct BrokenWay {
  const char* name;
  TlsSide side;
  uint16_t version;  // 0x0303, 0x0304
  BreakAt at;
  BreakFate fate;
  int alert;
  shard::CloseReason reason;
  void (*act)(BreakAct& act);
  bool shows_certificate = false;  // of a client: the other end must ask for one
  const char* groups = nullptr;    // of this peer, instead of the library's
};

std::span<const BrokenWay> BrokenWays();
const BrokenWay* FindBrokenWay(std::string_view name);

class BrokenTlsPeer {
 public:
  explicit BrokenTlsPeer(const BrokenWay& way);
  ~BrokenTlsPeer();
  BrokenTlsPeer(const BrokenTlsPeer&) = delete;
  BrokenTlsPeer& operator=(const BrokenTlsPeer&) = delete;

  // Takes what came; returns what is to be sent now, and end() how the wire ends behind it.
  std::string Step(std::string_view came);
  WireEnd end() const;
  bool acted() const;
  int alert() const;  // the last one that came, in the clear or sealed; -1: none
  bool closed() const { return alert() == 0; }

  // For ways.
  std::string Seal(const TlsPiece& piece);
  void RollKey();  // of what this peer sends, as a KeyUpdate says

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tests
