// peer.h - one end of a connection that the proxy does not hold: what clients and servers have in
// common, and how those of mode tcp behave.
//
// Owns:    its end of the stream.
// Threads: one thread.
// Units:   bytes.
// Errors:  what the proxy must not do fails the run, by the journal.
// States:  acting -> gone (ended by itself, or hung up).

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/fake/fake_ring.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/journal.h"

namespace simulation {

// How a peer ends, if not by what its protocol says.
enum class Manner : uint8_t {
  kOrderly,
  kCloses,  // somewhere in the middle
  kResets,
  kStalls,  // says and takes nothing from then on
};
Manner MannerOf(bool orderly, Dice& dice);

class Peer {
 public:
  // `room_min`: the least that its sockets hold.
  Peer(Journal& journal, std::string name, std::unique_ptr<tests::FakePeer> wire, Manner manner,
       size_t room_min, Dice& dice);
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Act(Dice& dice);
  void Hangup(bool reset);
  bool gone() const { return gone_; }
  // It came to its end as its protocol says, with nothing missing.
  bool finished() const { return finished_; }
  const std::string& name() const { return name_; }
  Manner manner() const { return manner_; }

 protected:
  virtual void DoAct(Dice& dice) = 0;
  virtual void OnHangup(bool reset) { (void)reset; }
  // Writes from the beginning of `text`; what found room.
  size_t Write(std::string_view text);
  std::string Read(size_t max);
  bool AtEnd() const { return wire_->AtEnd(); }
  bool WasReset() const { return wire_->WasReset(); }
  void CloseWrite();
  void Finish(bool well);
  size_t written() const { return written_; }
  size_t read() const { return read_; }
  Journal& journal() { return journal_; }

 private:
  Journal& journal_;
  const std::string name_;
  std::unique_ptr<tests::FakePeer> wire_;
  const Manner manner_;
  const size_t quits_after_;  // bytes written and read
  size_t written_ = 0;
  size_t read_ = 0;
  bool write_closed_ = false;
  bool gone_ = false;
  bool finished_ = false;
};

// The PROXY header about a client, for the port it came from. Version 1 or 2.
std::string ProxyHeaderOf(int version, uint16_t client_port);
// Takes a header off the beginning of `bytes`. 0: not here whole; -1: there is none; kNotTold: the
// proxy did not know. Else the client's port.
inline constexpr int kNotTold = 65536;
int TakeProxyHeader(int version, std::string& bytes);

class TcpPeer;
// All of a run, by number. Numbers begin with 1.
using TcpPeers = std::vector<TcpPeer*>;

// Writes a text that begins with its number, reads what another one wrote.
class TcpPeer final : public Peer {
 public:
  struct Plan {
    size_t bytes = 0;
    size_t room_min = 300;
    bool is_client = false;
    std::string header;    // a client's, before everything else
    int announced_by = 0;  // version of the header a server is to be sent; 0: none
  };
  TcpPeer(Journal& journal, TcpPeers& peers, std::unique_ptr<tests::FakePeer> wire, Manner manner,
          Plan plan, Dice& dice);

  uint16_t number() const { return number_; }
  // The client's number by the port of its connection; 0: not told.
  static uint16_t PortOf(uint16_t number) { return uint16_t(20000 + number); }
  // Of an orderly run: everything has come that was sent.
  bool GotAll() const;

 private:
  void DoAct(Dice& dice) override;
  void Take(std::string bytes);
  std::string_view TextAt(size_t at, size_t max) const;
  bool Speak(Dice& dice);

  TcpPeers& peers_;
  const uint16_t number_;
  Plan plan_;
  size_t said_ = 0;
  size_t got_ = 0;
  TcpPeer* from_ = nullptr;
  std::string unread_;      // of the header
  uint16_t announced_ = 0;  // the client's number, as the header says
};

}  // namespace simulation
