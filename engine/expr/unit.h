// unit.h - fetches and converters: the small registered pieces that expressions are made of
// (manual 7.3).
//
// Owns:    a Registry points to specs that live for the whole process.
// Threads: start-up while it is filled and while expressions are prepared; run() of any shard, each
//          with its own EvalContext.
// Units:   see each unit.
// Errors:  prepare() says what is wrong in a clause; run() gives false: there is no sample.
// States:  none.
//
// A module registers the units that read its own objects. Whatever is not in the arguments or the
// sample, the time and chance included, comes from EvalContext.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/expr/arguments.h"
#include "engine/expr/sample.h"

namespace engine {

// What must be at hand for a fetch to give something. A place in the configuration offers some.
using Needs = uint32_t;
namespace needs {
inline constexpr Needs kNothing = 0;
inline constexpr Needs kClient = 1u << 0;         // the accepted connection
inline constexpr Needs kClientTls = 1u << 1;      // its handshakes are over
inline constexpr Needs kRequestBytes = 1u << 2;   // what the client has sent so far
inline constexpr Needs kRequestHead = 1u << 3;    // of HTTP
inline constexpr Needs kServer = 1u << 4;         // the connection to a server
inline constexpr Needs kResponseBytes = 1u << 5;  // what the server has sent so far
inline constexpr Needs kResponseHead = 1u << 6;   // of HTTP
inline constexpr Needs kEndOfStream = 1u << 7;    // only its log line comes later
inline constexpr Needs kServing = 1u << 8;        // a process that serves, with its proxies
inline constexpr Needs kNoHttp = 1u << 9;         // bytes that nobody has read as HTTP: mode tcp
inline constexpr size_t kCount = 10;
inline constexpr Needs kRawRequest = kRequestBytes | kNoHttp;
inline constexpr Needs kRawResponse = kResponseBytes | kNoHttp;
inline constexpr Needs kShaken = kClient | kClientTls;
}  // namespace needs
// "the HTTP request" for one bit.
std::string_view NeedText(Needs one);

class LogFormat;
class LogLine;

// What an evaluation sees of the world. Modules that own more of it derive from this.
class EvalContext {
 public:
  explicit EvalContext(Scratch& scratch) : scratch_(scratch) {}
  virtual ~EvalContext() = default;
  Scratch& scratch() { return scratch_; }
  virtual uint64_t WallMicros() const = 0;  // since 1970
  virtual uint64_t Random() = 0;
  // Null: it was never set.
  virtual const Sample* FindVariable(const VariableName& name) = 0;
  // False: there is no room, or nothing that could keep it.
  virtual bool StoreVariable(const VariableName&, const Sample&) { return false; }
  virtual void ForgetVariable(const VariableName&) {}
  // What the items of a log format say by now (manual 8.2.6). False: nothing is known of a session.
  virtual bool WriteFormat(const LogFormat&, LogLine&) { return false; }
  // A line for whoever looks for a fault goes to the sink of that name (manual 7.3.1, debug). Where
  // nobody is served there is none.
  virtual void Note(std::string_view, std::string_view) {}
  // Of a fetch that may give several values (FetchSpec::many): 0 asks for the one that the manual
  // says it gives, N for the Nth. Conditions ask for one after another.
  uint32_t occurrence() const { return occurrence_; }
  void SetOccurrence(uint32_t occurrence) { occurrence_ = occurrence; }
  // Rules on content may wait for more of it (manual 4.2, inspect-delay). A fetch that more bytes,
  // or time, could bring another answer says so, and is asked again.
  bool may_wait() const { return may_wait_; }
  void SetMayWait(bool may_wait) { may_wait_ = may_wait; }
  // What only somebody who asks for it makes worth having: Obtain() is called before a fetch that
  // needs any of these.
  Needs latent() const { return latent_; }
  void SetLatent(Needs latent) { latent_ = latent; }
  virtual void Obtain() {}
  bool unsettled() const { return unsettled_; }
  void SetUnsettled(bool unsettled) { unsettled_ = unsettled && may_wait_; }

 private:
  Scratch& scratch_;
  uint32_t occurrence_ = 0;
  Needs latent_ = needs::kNothing;
  bool may_wait_ = false;
  bool unsettled_ = false;
};

// A unit as one expression uses it: what its arguments say, and what prepare() made of them.
struct PreparedUnit {
  Arguments arguments;
  int64_t number = 0;
  std::shared_ptr<const void> object;
};

// The tables of fetches and converters say what they give and take in these words.
namespace kind {
inline constexpr SampleKind kText = SampleKind::kString;
inline constexpr SampleKind kNumber = SampleKind::kInteger;
inline constexpr SampleKind kBinary = SampleKind::kBinary;
inline constexpr SampleKind kBoolean = SampleKind::kBoolean;
inline constexpr SampleKind kAny = SampleKind::kAny;
}  // namespace kind

struct FetchSpec {
  std::string_view name;
  SampleKind gives;
  std::span<const ArgumentSpec> arguments;
  Needs needs = needs::kNothing;
  bool (*run)(const PreparedUnit& unit, Sample& sample, EvalContext& context) = nullptr;
  bool (*prepare)(PreparedUnit& unit, std::string* why) = nullptr;
  // A condition looks at every value: EvalContext::occurrence() goes up from 1 until there is none.
  bool many = false;
};
inline constexpr bool kMany = true;

struct ConverterSpec {
  std::string_view name;
  SampleKind takes;  // the sample has been cast to it
  SampleKind gives;
  std::span<const ArgumentSpec> arguments;
  bool (*run)(const PreparedUnit& unit, Sample& sample, EvalContext& context) = nullptr;
  bool (*prepare)(PreparedUnit& unit, std::string* why) = nullptr;
  Needs needs = needs::kNothing;
};

class Registry {
 public:
  void Add(std::span<const FetchSpec> fetches);
  void Add(std::span<const ConverterSpec> converters);
  const FetchSpec* FindFetch(std::string_view name) const;
  const ConverterSpec* FindConverter(std::string_view name) const;
  std::vector<std::string_view> fetch_names() const;
  std::vector<std::string_view> converter_names() const;

 private:
  std::vector<const FetchSpec*> fetches_;
  std::vector<const ConverterSpec*> converters_;
};

// A number or, where the argument names a variable, that variable's value. False: it has none.
bool NumberOf(const PreparedUnit& unit, size_t argument, EvalContext& context, int64_t* number);

}  // namespace engine
