// process_info.h - what is known of the whole process, field by field: `show info` (management
// 9.3), and what an exporter makes of it.
//
// Owns:    its texts.
// Threads: shard-local; ShardFacts::Add() on the shard that it is about.
// Units:   per field.
// Errors:  none: a field without a true value here leaves a hole.
// States:  none.
//
//   ShardFacts facts;                                       // every shard adds its own
//   for (const InfoField& field : InfoFields(worker, facts)) Say(field.name, field.value);

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/applet/typed_field.h"
#include "engine/server/proxy_config.h"
#include "engine/session/question.h"

namespace engine {

class Worker;

struct InfoField {
  uint32_t position;
  const char* name;
  const char* tags;
  const char* type;
  std::string value;
  const char* purpose;

  TypedField typed() const { return {position, name, tags, type, value, purpose}; }
};

// What only shards know, of all of them.
struct ShardFacts {
  uint64_t streams = 0;  // ever begun
  uint64_t pipes_max = 0;
  uint64_t pipes_used = 0;
  uint64_t pipes_free = 0;  // open, for the next one
  uint64_t spliced_bytes = 0;
  uint64_t sessions = 0;      // now
  uint64_t tasks = 0;         // streams now, and who waits for one
  uint64_t buffer_bytes = 0;  // of the chunk pools
  uint64_t used_bytes = 0;    // of them
  uint64_t idle_percents = 0;
  uint64_t shards = 0;

  void Add(Worker& worker);
};

// Asked of one shard after the other.
class CollectFacts final : public Question {
 public:
  void Answer(Worker& asked) override { facts.Add(asked); }
  ShardFacts facts;
};

// Asks them all, for an answer that is not one of the command line.
class FactsRound {
 public:
  FactsRound(Worker& worker, shard::Applet& asker) : worker_(worker), asker_(asker) {}
  FactsRound(const FactsRound&) = delete;
  FactsRound& operator=(const FactsRound&) = delete;
  ~FactsRound();
  // False: an answer is awaited; the asker is woken when it is there.
  bool Done();
  const ShardFacts& facts() const { return facts_; }

 private:
  Worker& worker_;
  shard::Applet& asker_;
  CollectFacts* asked_ = nullptr;
  ShardFacts facts_;
  uint32_t shard_ = 0;
};

// By position.
std::vector<InfoField> InfoFields(Worker& worker, const ShardFacts& facts);
// `node`, or the name of the machine.
std::string NodeName(const GlobalConfig& global);

}  // namespace engine
