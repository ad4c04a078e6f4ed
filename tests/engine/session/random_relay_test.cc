// Streams with random peers over a network full of mischief, thousands of seeds: what arrives is a
// prefix of what was sent, all of it where both ends finish in order, and nothing is left behind.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using shard::CloseReason;
using tests::FakePeer;

constexpr uint16_t kListenPort = 80;
constexpr uint16_t kFirstServerPort = 9000;

// How a peer behaves when it has nothing left to write, or before.
enum class Manner : uint8_t { kOrderly, kCloses, kResets };

// One end of a relayed connection. Its text begins with its number, so that the other end knows
// whose bytes it gets.
class Actor {
 public:
  Actor(uint8_t number, uint64_t seed, std::mt19937_64& random, Manner manner)
      : number_(number), manner_(manner) {
    size_t size = random() % 4 == 0 ? random() % 200000 : random() % 3000;
    if (size > 0) {
      text_ = RandomText(seed * 512 + number, size);
      text_[0] = char(number);
    }
    // Ends early after about half of its bytes, if at all.
    quits_after_ = manner == Manner::kOrderly ? SIZE_MAX : random() % (size + 1);
  }
  void Attach(std::unique_ptr<FakePeer> peer, std::mt19937_64& random) {
    peer_ = std::move(peer);
    peer_->SetCapacity(500 + random() % 60000, 500 + random() % 60000);
  }
  bool attached() const { return peer_ != nullptr; }
  void Act(std::mt19937_64& random) {
    if (gone_) return;
    if (random() % 3 != 0) {
      const size_t max = random() % 8 == 0 ? SIZE_MAX : random() % 4000;
      got_ += peer_->Read(max);
    }
    if (written_ < text_.size() && random() % 3 != 0) {
      written_ += peer_->Write(std::string_view(text_).substr(written_, random() % 5000));
    }
    if (manner_ != Manner::kOrderly && written_ >= quits_after_ && random() % 4 == 0) {
      manner_ == Manner::kResets ? peer_->Reset() : peer_->Close();
      gone_ = true;
      return;
    }
    if (!write_closed_ && (written_ == text_.size() || peer_->WasReset())) {
      peer_->CloseWrite();
      write_closed_ = true;
    }
    if (write_closed_ && peer_->AtEnd()) {
      saw_reset_ = peer_->WasReset();
      peer_->Close();
      gone_ = finished_ = true;
    }
  }
  void Hangup() {
    if (gone_) return;
    peer_->Close();
    gone_ = true;
  }
  bool gone() const { return gone_; }
  bool orderly() const { return manner_ == Manner::kOrderly; }
  bool finished() const { return finished_; }
  bool saw_reset() const { return saw_reset_; }
  uint8_t number() const { return number_; }
  const std::string& text() const { return text_; }
  const std::string& got() const { return got_; }
  size_t written() const { return written_; }

 private:
  const uint8_t number_;
  const Manner manner_;
  std::string text_;
  size_t quits_after_ = SIZE_MAX;
  size_t written_ = 0;
  std::string got_;
  std::unique_ptr<FakePeer> peer_;
  bool write_closed_ = false;
  bool gone_ = false;
  bool finished_ = false;
  bool saw_reset_ = false;
};

class RandomRelay {
 public:
  // `orderly`: every peer writes, half-closes and reads to the end.
  RandomRelay(uint64_t seed, bool orderly)
      : seed_(seed), orderly_(orderly), random_(seed * 977 + 5), rig_(OptionsFor(seed)) {
    proxy_ = &rig_.AddListen("relay", kListenPort);
    proxy_->timeouts = {.connect_ms = 2000, .client_ms = 60000, .server_ms = 60000};
    proxy_->retries = 3;
    proxy_->redispatch = random_() % 2 == 0;
    proxy_->nolinger = random_() % 4 == 0;
    proxy_->splice_auto = random_() % 2 == 0;  // where the rig has pipes
    servers_ = 1 + random_() % 3;
    for (uint32_t i = 0; i < servers_; ++i) {
      const uint16_t port = uint16_t(kFirstServerPort + i);
      rig_.AddServer(*proxy_, port);
      tests::ConnectScript script;
      script.delay_us = random_() % 3 == 0 ? random_() % 50000 : 0;
      if (!orderly && random_() % 8 == 0) {
        constexpr tests::ConnectOutcome kBad[] = {tests::ConnectOutcome::kRefused,
                                                  tests::ConnectOutcome::kUnreachable,
                                                  tests::ConnectOutcome::kNever};
        script.outcome = kBad[random_() % 3];
      }
      rig_.ScriptConnect(port, script);
    }
    rig_.Start();
  }

  void Run() {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    const size_t clients = 1 + random_() % 6;
    for (int step = 0; step < 20000; ++step) {
      if (actors_.size() < 250 && dialled_ < clients && random_() % 4 == 0) DialOne();
      TakeServers();
      for (auto& actor : actors_) actor->Act(random_);
      const uint64_t patience_ms = random_() % 3;
      rig_.Turn();
      if (random_() % 4 == 0) rig_.RunFor(patience_ms);
      if (dialled_ == clients && rig_.live_sessions() == 0 && step > 50 && AllServersQuiet()) break;
    }
    rig_.RunFor(70000);  // whoever is left has timed out by now
    // A maxconn lets the rest in one after the other.
    for (int i = 0; i == 0 || (i < 20 && rig_.live_sessions() > 0); ++i) {
      TakeServers();
      for (int acts = 0; acts < 200; ++acts) {  // bytes already in the peers' sockets
        for (auto& actor : actors_) actor->Act(random_);
      }
      for (auto& actor : actors_) actor->Hangup();
      rig_.RunFor(70000);
    }
    rig_.ExpectSettled();
    Check();
  }

 private:
  static RigOptions OptionsFor(uint64_t seed) {
    std::mt19937_64 random(seed * 31 + 7);
    RigOptions options;
    options.seed = seed;
    if (seed % 5 != 0) options.modes = tests::FakeModes::Mischief();
    options.shards = 1 + uint32_t(random() % 3);
    options.small_chunk_bytes = 512u << (random() % 4);
    options.large_chunk_bytes = options.small_chunk_bytes << (random() % 4);
    options.small_chunks = random() % 3 == 0 ? 24 : 1000;
    options.large_chunks = random() % 3 == 0 ? 12 : 300;
    options.maxconn = random() % 4 == 0 ? uint32_t(1 + random() % 3) : 0;
    options.pipes_max = uint32_t(random() % 4);
    return options;
  }
  Manner PickManner() {
    if (orderly_) return Manner::kOrderly;
    const uint64_t draw = random_() % 10;
    return draw < 6 ? Manner::kOrderly : draw < 8 ? Manner::kCloses : Manner::kResets;
  }
  Actor& NewActor(std::unique_ptr<FakePeer> peer) {
    const auto number = uint8_t(actors_.size());
    actors_.push_back(std::make_unique<Actor>(number, seed_, random_, PickManner()));
    actors_.back()->Attach(std::move(peer), random_);
    return *actors_.back();
  }
  void DialOne() {
    ++dialled_;
    clients_.push_back(&NewActor(rig_.Dial(kListenPort)));
  }
  void TakeServers() {
    for (uint32_t i = 0; i < servers_; ++i) {
      while (auto peer = rig_.TakeServer(uint16_t(kFirstServerPort + i))) NewActor(std::move(peer));
    }
  }
  bool AllServersQuiet() {
    return std::all_of(actors_.begin(), actors_.end(), [](auto& actor) { return actor->gone(); });
  }
  void Check() {
    for (auto& actor : actors_) {
      if (actor->got().empty()) continue;
      const auto number = uint8_t(actor->got()[0]);
      ASSERT_LT(number, actors_.size());
      const Actor& from = *actors_[number];
      ASSERT_EQ(from.text().compare(0, actor->got().size(), actor->got()), 0)
          << int(actor->number()) << " got what " << int(number) << " never sent";
      ASSERT_LE(actor->got().size(), from.written());
      if (!orderly_) continue;
      EXPECT_EQ(actor->got().size(), from.text().size())
          << int(number) << " -> " << int(actor->number()) << " is cut short";
    }
    if (!orderly_) return;
    for (auto& from : actors_) {
      if (from->text().empty()) continue;
      // A server that was connected to for a client that has sent nothing and left meanwhile.
      if (from->written() == 0 && !from->finished()) continue;
      const auto receivers = std::count_if(actors_.begin(), actors_.end(), [&](auto& actor) {
        return !actor->got().empty() && uint8_t(actor->got()[0]) == from->number();
      });
      EXPECT_EQ(receivers, 1) << "of what " << int(from->number()) << " sent";
    }
    // A client that sends nothing and ends at once is not worth a connection.
    for (Actor* client : clients_) {
      EXPECT_TRUE(client->finished());
      EXPECT_FALSE(client->saw_reset());
    }
    const std::string reasons = rig_.ReasonsText(*proxy_);
    EXPECT_EQ(rig_.Reasons(*proxy_, CloseReason::kNormal) +
                  rig_.Reasons(*proxy_, CloseReason::kClientAbort),
              rig_.Streams(*proxy_))
        << reasons;
  }

  const uint64_t seed_;
  const bool orderly_;
  std::mt19937_64 random_;
  Rig rig_;
  ProxyConfig* proxy_ = nullptr;
  uint32_t servers_ = 0;
  size_t dialled_ = 0;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::vector<Actor*> clients_;
};

// RINGWAY_SEEDS=N runs more of them, RINGWAY_SEED=N that one alone.
uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

void RunSeeds(bool orderly, uint64_t seeds) {
  const uint64_t only = Number("RINGWAY_SEED", 0);
  if (only != 0) return RandomRelay(only, orderly).Run();
  seeds = Number("RINGWAY_SEEDS", seeds);
  for (uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    RandomRelay(seed, orderly).Run();
  }
}

TEST(RandomRelayTest, OrderlyPeersGetEverything) { RunSeeds(true, 500); }
TEST(RandomRelayTest, AnyPeersGetAPrefixAndNothingIsLeft) { RunSeeds(false, 800); }

}  // namespace
}  // namespace engine
