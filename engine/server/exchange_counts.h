// exchange_counts.h - what is counted of exchanges with one server, or with one half of a proxy
// (management 9.1).
//
// Owns:    its numbers.
// Threads: written by one shard; read by any-thread, which adds up the shards.
// Units:   milliseconds.
// Errors:  none.
// States:  none.

#pragma once

#include <algorithm>
#include <cstdint>

#include "base/counters.h"

namespace engine {

// The mean of the last 1024: of less while there were less, and then one that forgets slowly.
class RecentMean {
 public:
  static constexpr uint64_t kSpan = 1024;

  void Add(uint64_t value) {
    if (count_.Get() == kSpan) {
      sum_.Sub(sum_.Get() / kSpan);
    } else {
      count_.Add();
    }
    sum_.Add(value);
    highest_.RaiseTo(value);
  }
  void Clear() {
    sum_.Set(0);
    count_.Set(0);
    highest_.Set(0);
  }
  void ClearHighest() { highest_.Set(0); }
  void RaiseHighest(const RecentMean& other) { highest_.RaiseTo(other.highest()); }
  uint64_t sum() const { return sum_.Get(); }
  uint64_t count() const { return count_.Get(); }
  uint64_t highest() const { return highest_.Get(); }

 private:
  base::Counter sum_;
  base::Counter count_;
  base::Counter highest_;
};

// Of several of them: shards, or the servers of a backend.
struct MeanOfAll {
  uint64_t sum = 0;
  uint64_t count = 0;
  uint64_t highest = 0;

  void Add(const RecentMean& one) {
    sum += one.sum();
    count += one.count();
    highest = std::max(highest, one.highest());
  }
  void RaiseHighest(const RecentMean& one) { highest = std::max(highest, one.highest()); }
  uint64_t mean() const { return count == 0 ? 0 : sum / count; }
};

// Answers by the first digit of their status; 0: any other.
struct StatusCounts {
  static constexpr size_t kClasses = 6;
  base::Counter of_class[kClasses];

  void Add(uint32_t status) {
    const uint32_t first = status / 100;
    of_class[first < kClasses ? first : 0].Add();
  }
  void Clear() {
    for (base::Counter& one : of_class) one.Set(0);
  }
};

// Exchanges that came to a bad end, by who is to blame.
struct FailureCounts {
  base::Counter unconnected;    // no server took it
  base::Counter by_client;      // broken off by the client, on a connection to a server
  base::Counter by_server;      // within the response
  base::Counter bad_responses;  // with those by_server, and with none at all

  void Clear() {
    for (base::Counter* one : {&unconnected, &by_client, &by_server, &bad_responses}) one->Set(0);
  }
};

// What rules did to exchanges.
struct RuleCounts {
  base::Counter denied_requests;
  base::Counter denied_responses;
  base::Counter rewrites_failed;  // for lack of room

  void Clear() {
    for (base::Counter* one : {&denied_requests, &denied_responses, &rewrites_failed}) one->Set(0);
  }
};

// What a backend has passed on, and none of its servers remembers: of another process, and of
// servers without guid there.
struct CarriedCounts {
  base::Counter total;
  base::Counter established;
  base::Counter connect_errors;
  base::Counter reused;

  void Clear() {
    for (base::Counter* one : {&total, &established, &connect_errors, &reused}) one->Set(0);
  }
};

struct ExchangeTimes {
  RecentMean queue;
  RecentMean connect;
  RecentMean response;
  RecentMean total;

  void Clear() {
    for (RecentMean* one : {&queue, &connect, &response, &total}) one->Clear();
  }
  void RaiseHighest(const ExchangeTimes& other) {
    queue.RaiseHighest(other.queue);
    connect.RaiseHighest(other.connect);
    response.RaiseHighest(other.response);
    total.RaiseHighest(other.total);
  }
  void ClearHighest() {
    for (RecentMean* one : {&queue, &connect, &response, &total}) one->ClearHighest();
  }
};

}  // namespace engine
