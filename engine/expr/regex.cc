#include "engine/expr/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"

namespace engine {
namespace {

// Of one thread: a match that is under way belongs to nobody else.
struct MatchMemory {
  MatchMemory() {
    context = pcre2_match_context_create(nullptr);
    data = pcre2_match_data_create(std::tuple_size_v<Regex::Groups>, nullptr);
    MUST(context != nullptr && data != nullptr);
    pcre2_set_match_limit(context, Regex::kStepsMax);
  }
  ~MatchMemory() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  pcre2_match_context* context;
  pcre2_match_data* data;
};

}  // namespace

std::string Regex::LibraryVersion() {
  char text[64] = {};
  pcre2_config(PCRE2_CONFIG_VERSION, text);
  return text;
}

std::shared_ptr<const Regex> Regex::Compile(std::string_view pattern, bool ignore_case,
                                            std::string* error) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                       ignore_case ? PCRE2_CASELESS : 0, &code, &offset, nullptr);
  if (compiled == nullptr) {
    PCRE2_UCHAR text[128] = {};
    pcre2_get_error_message(code, text, sizeof(text));
    *error = std::string(reinterpret_cast<char*>(text)) + " (at character " +
             std::to_string(offset + 1) + ")";
    return nullptr;
  }
  // Where it fails, or there is no room for machine code, the interpreter does the work.
  (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  return std::shared_ptr<const Regex>(new Regex(compiled));
}

Regex::~Regex() { pcre2_code_free(static_cast<pcre2_code*>(code_)); }

namespace {

int Match(void* code, std::string_view text, size_t from, PCRE2_SIZE** offsets) {
  thread_local MatchMemory scratch;
  *offsets = pcre2_get_ovector_pointer(scratch.data);
  return pcre2_match(static_cast<pcre2_code*>(code), reinterpret_cast<PCRE2_SPTR>(text.data()),
                     text.size(), from, 0, scratch.data, scratch.context);
}

}  // namespace

bool Regex::Matches(std::string_view text) const {
  PCRE2_SIZE* offsets = nullptr;
  return Match(code_, text, 0, &offsets) >= 0;
}

bool Regex::MatchesGroups(std::string_view text, Groups* groups, size_t from) const {
  PCRE2_SIZE* offsets = nullptr;
  const int count = Match(code_, text, from, &offsets);
  if (count < 0) return false;
  // 0: more groups than fit, all of which do are set.
  const size_t known = count == 0 ? groups->size() : size_t(count);
  for (size_t i = 0; i < groups->size(); ++i) {
    const bool is_set =
        i < known && offsets[2 * i] != PCRE2_UNSET && offsets[2 * i + 1] >= offsets[2 * i];
    (*groups)[i] = is_set ? text.substr(offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i])
                          : std::string_view();
  }
  return true;
}

}  // namespace engine
