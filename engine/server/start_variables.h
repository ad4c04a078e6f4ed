// start_variables.h - variables of the process that the section `global` sets: set-var, set-var-fmt
// (manual 3.1).
//
// Owns:    their values.
// Threads: start-up while they are read, then immutable.
// Units:   none.
// Errors:  reported under the word.
// States:  none. Shards find them in the table of the process, which begins with them.

#pragma once

#include <string>
#include <vector>

#include "engine/expr/arguments.h"
#include "engine/expr/sample.h"

namespace engine {

struct StartVariable {
  VariableName name;
  Sample sample;
  std::string text;  // the sample's, if it has one

  Sample value() const {
    Sample value = sample;
    value.text = text;
    return value;
  }
  bool HasValueOf(const StartVariable& other) const {
    return sample.type == other.sample.type && sample.number == other.sample.number &&
           text == other.text && sample.address.ToString() == other.sample.address.ToString();
  }
};

using StartVariables = std::vector<StartVariable>;

}  // namespace engine
