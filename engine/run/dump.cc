#include "engine/run/dump.h"

#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/config/tree.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

// The configuration ---------------------------------------------------------------------------

// After these words comes what nobody else may know.
constexpr std::string_view kSecretFollows[] = {
    "anonkey", "auth",   "cluster-secret", "insecure-password",
    "key",     "keylog", "password",       "presetenv",
    "secret",  "setenv", "sha256",         "ssl-passphrase-cmd",
};

// Values that the tables do not list because they are no keywords.
constexpr std::string_view kPlainValues[] = {
    "admin",  "all",    "alert",    "crit",   "daemon",     "debug",     "emerg",  "err",
    "first",  "from",   "global",   "hdr",    "http",       "info",      "local0", "local1",
    "local2", "local3", "local4",   "local5", "local6",     "local7",    "none",   "notice",
    "off",    "on",     "operator", "random", "roundrobin", "leastconn", "source", "static-rr",
    "stderr", "stdout", "tcp",      "uri",    "user",       "warning",
};

// Every word of the language, from the tables that also read it.
const std::set<std::string, std::less<>>& LanguageWords() {
  static const std::set<std::string, std::less<>> words = [] {
    std::set<std::string, std::less<>> all(std::begin(kPlainValues), std::end(kPlainValues));
    all.insert(std::begin(kSecretFollows), std::end(kSecretFollows));
    for (const KeywordSpec& spec : AllKeywords().all()) {
      for (const std::string_view word : base::Split(spec.words, ' ')) all.emplace(word);
    }
    for (const std::string_view word : SectionWords()) all.emplace(word);
    return all;
  }();
  return words;
}

bool Contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "100", "30s", "16k", ":80", "80-90": numbers, times, sizes and ports say nothing about anybody.
bool IsQuantity(std::string_view word) {
  if (!word.empty() && word[0] == ':') word.remove_prefix(1);
  while (!word.empty() && std::string_view("smhdkgu%").find(word.back()) != std::string_view::npos)
    word.remove_suffix(1);
  return !word.empty() && word.size() <= 12 && std::all_of(word.begin(), word.end(), [](char c) {
    return base::IsDigit(c) || c == '-' || c == ',';
  });
}

// The port of an address stays, its host does not.
std::string AnonymousAddress(std::string_view word, uint64_t key) {
  const size_t colon = word.rfind(':');
  if (colon == std::string_view::npos || !IsQuantity(word.substr(colon + 1))) {
    return AnonymousWord(word, key);
  }
  const std::string_view host = word.substr(0, colon);
  return (host.empty() || host == "*" ? std::string(host) : AnonymousWord(host, key)) +
         std::string(word.substr(colon));
}

void AddLine(const Line& line, uint64_t key, std::string& text) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (i > 0) text += ' ';
    const std::string_view word = line.text(i);
    // The first word is always one of the language, or the file would have been refused.
    const bool plain = key == 0 || LanguageWords().contains(word) || IsQuantity(word);
    text += plain ? WrittenWord(word) : AnonymousAddress(word, key);
    if (key != 0 && i + 1 < line.size() && Contains(kSecretFollows, word)) {
      text += " [...]";
      break;
    }
  }
  text += '\n';
}

// The program and its libraries ---------------------------------------------------------------

struct LibraryList {
  bool with_addresses;
  std::string text;
};

int AddLibrary(dl_phdr_info* info, size_t, void* context) {
  LibraryList& list = *static_cast<LibraryList*>(context);
  std::string path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (path.empty() && list.text.empty()) {  // the program itself comes first, without a name
    char program[4096] = {};
    if (readlink("/proc/self/exe", program, sizeof program - 1) > 0) path = program;
  }
  if (path.empty() || path[0] != '/') return 0;  // the kernel's vdso is no file
  if (list.with_addresses) {
    uintptr_t first = UINTPTR_MAX, last = 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const auto& segment = info->dlpi_phdr[i];
      if (segment.p_type != PT_LOAD) continue;
      const uintptr_t start = uintptr_t(info->dlpi_addr + segment.p_vaddr);
      first = std::min(first, start);
      last = std::max(last, start + uintptr_t(segment.p_memsz));
    }
    list.text += base::Format("0x%012llx-0x%012llx ", static_cast<unsigned long long>(first),
                              static_cast<unsigned long long>(last));
  }
  list.text += path + '\n';
  return 0;
}

constexpr size_t kTarBlockBytes = 512;
constexpr size_t kTarNameBytes = 100;

// The header of one plain file (POSIX ustar).
std::string TarHeader(std::string_view name, uint64_t size_bytes, uint64_t modified_s) {
  std::string header(kTarBlockBytes, '\0');
  const auto put = [&header](size_t at, std::string_view text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  const auto octal = [](uint64_t value, int digits) {
    return base::Format("%0*llo", digits, static_cast<unsigned long long>(value));
  };
  put(0, name.substr(0, kTarNameBytes));
  put(100, "0000755");
  put(108, "0000000");
  put(116, "0000000");
  put(124, octal(size_bytes, 11));
  put(136, octal(modified_s, 11));
  put(148, "        ");
  put(156, "0");
  put(257, std::string_view("ustar\0"
                            "00",
                            8));
  uint32_t sum = 0;
  for (const char c : header) sum += uint8_t(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  return header;
}

bool AddToArchive(FILE* out, const std::string& path, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  std::string contents((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  struct stat status {};
  if (!file || stat(path.c_str(), &status) != 0) {
    *error = "cannot read '" + path + "' for '-dA': " + base::ErrnoText(errno);
    return false;
  }
  // Names in an archive are relative.
  std::string text = TarHeader(path.substr(path.find_first_not_of('/')), contents.size(),
                               uint64_t(status.st_mtime)) +
                     contents;
  text.resize((text.size() + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes, '\0');
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size()) return true;
  *error = std::string("cannot write the archive of '-dA': ") + base::ErrnoText(errno);
  return false;
}

// CPUs ----------------------------------------------------------------------------------------

// The number in a file of sysfs, or "-".
std::string TopologyOf(int cpu, const char* what) {
  std::ifstream file(base::Format("/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what));
  std::string number;
  return std::getline(file, number) ? number : "-";
}

}  // namespace

std::string AnonymousWord(std::string_view word, uint64_t key) {
  uint64_t hash = 0xcbf29ce484222325u ^ (key * 0x9e3779b97f4a7c15u);
  for (const char c : word) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  hash ^= hash >> 32;
  return base::Format("%06x", unsigned(hash & 0xffffff));
}

std::string WrittenWord(std::string_view word) {
  const bool control =
      std::any_of(word.begin(), word.end(), [](char c) { return uint8_t(c) < 0x20; });
  if (!word.empty() && !control && word.find_first_of(" \"'\\#$") == std::string_view::npos) {
    return std::string(word);
  }
  if (!control && word.find('\'') == std::string_view::npos) return "'" + std::string(word) + "'";
  std::string quoted = "\"";
  for (const char c : word) {
    if (uint8_t(c) < 0x20) {
      quoted += base::Format("\\x%02x", uint8_t(c));
      continue;
    }
    if (c == '"' || c == '\\' || c == '$') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string ConfigurationText(const Tree& tree, uint64_t key) {
  std::string text;
  for (const Section& section : tree.sections()) {
    if (!text.empty()) text += '\n';
    AddLine(section.header, key, text);
    for (const Line& line : section.lines) {
      text += '\t';
      AddLine(line, key, text);
    }
  }
  return text;
}

std::string LoadedLibraries(bool with_addresses) {
  LibraryList list{with_addresses, {}};
  dl_iterate_phdr(AddLibrary, &list);
  return std::move(list.text);
}

bool WriteArchive(const std::string& path, std::string* error) {
  FILE* out = path.empty() ? stdout : std::fopen(path.c_str(), "wbe");
  if (out == nullptr) {
    *error = "cannot write the archive '" + path + "' of '-dA': " + base::ErrnoText(errno);
    return false;
  }
  bool good = true;
  const std::string libraries = LoadedLibraries(false);
  for (const std::string_view library : base::Split(libraries, '\n')) {
    if (!library.empty()) good = good && AddToArchive(out, std::string(library), error);
  }
  const std::string end(2 * kTarBlockBytes, '\0');
  good = good && std::fwrite(end.data(), 1, end.size(), out) == end.size();
  const bool closed = out == stdout ? std::fflush(out) == 0 : std::fclose(out) == 0;
  if (good && closed) return true;
  if (error->empty()) *error = "cannot write the archive of '-dA'";
  return false;
}

std::string CpuText(const GlobalConfig& global, uint32_t threads) {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  (void)sched_getaffinity(0, sizeof(usable), &usable);
  std::vector<int> selected;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &usable)) selected.push_back(cpu);
  }
  const auto runs_on = [&](uint32_t thread, int cpu) {
    const auto& wanted = global.thread_cpus;
    if (thread < wanted.size() && !wanted[thread].empty()) {
      return std::find(wanted[thread].begin(), wanted[thread].end(), cpu) != wanted[thread].end();
    }
    return !selected.empty() && selected[thread % selected.size()] == cpu;
  };
  const int count = int(sysconf(_SC_NPROCESSORS_CONF));
  std::string text = "CPU  package  core  state     threads\n";
  for (int cpu = 0; cpu < count; ++cpu) {
    std::string bound;
    for (uint32_t thread = 0; thread < threads; ++thread) {
      if (runs_on(thread, cpu)) bound += (bound.empty() ? "" : ",") + std::to_string(thread + 1);
    }
    text += base::Format(
        "%-4d %-8s %-5s %-9s %s\n", cpu, TopologyOf(cpu, "physical_package_id").c_str(),
        TopologyOf(cpu, "core_id").c_str(), CPU_ISSET(cpu, &usable) ? "selected" : "evicted",
        bound.empty() ? "-" : bound.c_str());
  }
  return text;
}

}  // namespace engine
