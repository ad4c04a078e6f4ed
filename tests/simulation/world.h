// world.h - one run: a proxy of several shards on one clock, its clients and servers, and what a
// script does to them.
//
// Owns:    the rig with the proxy in it, and all peers.
// Threads: one thread for everything.
// Units:   microseconds of the rig's clock.
// Errors:  the journal has the first thing that was wrong; broken ownership dies, as anywhere.
// States:  built -> events -> everybody comes to an end -> checked.

#pragma once

#include <memory>
#include <vector>

#include "tests/engine/session/rig.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/http_peer.h"
#include "tests/simulation/script.h"

namespace simulation {

// What came up in a run, to see that a simulator reaches what it is there for.
struct Reached {
  uint64_t events = 0;
  uint64_t streams = 0;
  uint64_t handed_over = 0;
  uint64_t taken_over = 0;  // idle connections of another shard
  uint64_t reused = 0;
  uint64_t queued = 0;
  uint64_t retries = 0;
  uint64_t redispatches = 0;
  uint64_t spliced = 0;    // seeds
  uint64_t taken_now = 0;  // bytes of large transfers, without an operation of the ring
  uint64_t sent_now = 0;
  uint64_t buffer_waits = 0;
  uint64_t no_descriptors = 0;
  uint64_t answered = 0;
  uint64_t refused = 0;
  uint64_t by_reason[size_t(shard::CloseReason::kCount)] = {};
  void Add(const Reached& other);
  std::string Text() const;
};

class World final : shard::MailOrder {
 public:
  World(const Script& script, Journal& journal);
  ~World();

  // The whole run, up to the first failure.
  void Run();
  // What tells two runs apart.
  uint64_t Fingerprint();
  const Reached& reached() const { return reached_; }

 private:
  struct Place {  // a server, as the network knows it
    engine::ServerConfig* server;
    uint16_t port;
    bool is_http;
  };
  struct Door {  // a frontend's port
    engine::ProxyConfig* frontend;
    uint16_t port;
    bool is_http;
  };
  struct Actor {
    std::unique_ptr<Peer> peer;
    size_t place = SIZE_MAX;  // of a server's end
  };

  uint32_t PickSender(uint32_t to, uint32_t senders) noexcept override;
  engine::RigOptions OptionsOf();
  void Build();
  void BuildTcp();
  void BuildHttp();
  void Configure(engine::ProxyConfig& proxy);
  void ConfigureHttp(engine::ProxyConfig& proxy);
  void AddServers(engine::ProxyConfig& backend, uint16_t first_port, bool is_http);

  void Execute(const Event& event);
  size_t TcpBytes(Dice& dice) const;
  void Dial(const Door& door, Dice& dice, Manner manner);
  void TakeServers();
  void Act(std::vector<Actor>& actors, Dice& dice);
  void ActAll(Dice& dice, uint64_t ms);
  void Administer(Dice& dice);
  void SetWeight(Dice& dice);
  void ChangeHealth(Dice& dice);
  engine::ServerEvents& AnyEvents(Dice& dice);
  void TakeDown(const Place& place, Dice& dice);
  void BringUp(const Place& place, Dice& dice);
  void EndServers(size_t place, bool reset);
  void SetFaults(Dice& dice);
  void SetFds(Dice& dice);
  void Starve(Dice& dice);
  void Feed(uint32_t shard);
  void KillOne(Dice& dice);
  void Pause(Dice& dice, bool paused);
  void Heal();
  void Finish();
  void PlayOut(bool slowly);
  void CheckArrived();
  bool AllGone() const;
  void Drain();
  void Probe();
  void HardStop();
  void Collect();
  uint64_t ServedBy(uint32_t shard);

  const Script& script_;
  Journal& journal_;
  Dice dice_;
  HttpTraffic traffic_;
  TcpPeers tcp_peers_;
  uint32_t http_clients_ = 0;
  uint32_t http_servers_ = 0;
  std::unique_ptr<engine::Rig> rig_;
  std::vector<Place> places_;
  std::vector<Door> doors_;
  std::vector<Actor> clients_;
  std::vector<Actor> servers_;
  std::vector<Actor> buried_;
  std::vector<std::vector<shard::Chunk*>> starved_;  // by shard
  bool is_probing_ = false;
  Reached reached_;
};

}  // namespace simulation
