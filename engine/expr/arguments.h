// arguments.h - what stands between the parentheses of a fetch or a converter (manual 7.3, 2.2).
//
// Owns:    Arguments owns its texts.
// Threads: start-up while they are read, immutable afterwards.
// Units:   columns in bytes from the start of the expression.
// Errors:  a clause for the message ("expects an integer ..."), and where.
// States:  none.
//
// Inside parentheses quotes and backslashes protect as on a line (manual 2.2): commas and closing
// parentheses between quotes belong to the argument.
//
//   static constexpr ArgumentSpec kSpec[] = {{"offset", ArgumentType::kInteger},
//                                            {"length", ArgumentType::kInteger, kOptional}};

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

enum class ArgumentType : uint8_t {
  kInteger,
  kString,
  kNumberOrVariable,  // manual 2.8
  kVariable,
  // Of the configuration. That there is one of the name is seen when all of it was read.
  kBackend,
  kFrontend,
  kServer,  // "backend/server", or a server of the current backend
  kSink,    // "stdout", "stderr", "buf0" or the name of a ring; kDebugSink where it is left out
};
// Where `debug` writes to unless told (manual 7.3.1): a ring, made when an expression names it.
inline constexpr std::string_view kDebugSink = "buf0";
inline constexpr bool kOptional = true;

struct ArgumentSpec {
  std::string_view name;  // as the manual writes it
  ArgumentType type = ArgumentType::kString;
  bool optional = false;
};

// Scopes of variables (manual 2.8).
enum class VariableScope : uint8_t {
  kProcess,
  kSession,
  kTransaction,
  kRequest,
  kResponse,
  kCheck,
  kCount
};

struct VariableName {
  VariableScope scope = VariableScope::kTransaction;
  // Without the scope: the same object for the same name, and for ever, because variables of a
  // session outlive the configuration that named them.
  const std::string* name = nullptr;
  uint64_t hash = 0;  // of the name
};
// "txn.my_name". Nothing: no variable is called so; `*why` says what is wrong.
std::optional<VariableName> ParseVariable(std::string_view text, std::string* why);

struct Argument {
  bool given = false;
  std::string text;
  int64_t number = 0;
  std::optional<VariableName> variable;
};

struct Arguments {
  std::vector<Argument> all;  // as many as the spec has, given or not

  bool has(size_t index) const { return index < all.size() && all[index].given; }
  int64_t number(size_t index, int64_t otherwise) const {
    return has(index) ? all[index].number : otherwise;
  }
  std::string_view text(size_t index, std::string_view otherwise = {}) const {
    return has(index) ? std::string_view(all[index].text) : otherwise;
  }
};

// Cuts what stands behind "name(" up to its ')'. `*rest` is what follows it. False: it never ends.
bool CutArguments(std::string_view text, std::vector<std::string>* arguments,
                  std::string_view* rest, std::string* why);
// Reads them as `spec` says. False: `*why` is a whole sentence about `name`.
bool ReadArguments(std::string_view name, std::span<const ArgumentSpec> spec,
                   const std::vector<std::string>& given, Arguments* arguments, std::string* why);

}  // namespace engine
