#include "engine/server/tls_files.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "base/errno_name.h"

namespace engine {
namespace {

constexpr const char* kBundleEndings[] = {".rsa", ".ecdsa"};

bool Exists(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0;
}

bool IsDirectory(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Files that stand beside a certificate and are none (manual 5.1, crt).
bool IsBeside(std::string_view name) {
  for (const char* ending : {".key", ".issuer", ".ocsp", ".sctl"}) {
    if (name.ends_with(ending)) return true;
  }
  return name.starts_with('.');
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory)) {
    if (!IsBeside(entry->d_name)) names.push_back(entry->d_name);
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == line.npos) return words;
    line.remove_prefix(start);
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

}  // namespace

std::string BelowBase(const std::string& base, const std::string& path) {
  if (base.empty() || path.starts_with('/') || path.starts_with('@')) return path;
  return base.ends_with('/') ? base + path : base + '/' + path;
}

bool ReadTlsFile(const std::string& path, tls::NamedText* text, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  const int code = errno;
  if (!file || IsDirectory(path)) {
    *error = "cannot read '" + path + "': " + base::ErrnoText(file ? EISDIR : code);
    return false;
  }
  text->name = path;
  text->text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return true;
}

std::shared_ptr<const tls::Certificate> TlsFiles::LoadFile(const std::string& path,
                                                           std::string* error) {
  if (const auto found = loaded_.find(path); found != loaded_.end()) return found->second;
  tls::NamedText pem;
  tls::NamedText key;
  if (!ReadTlsFile(path, &pem, error)) return nullptr;
  if (pem.text.find("PRIVATE KEY-----") == std::string::npos) {
    // "x.pem.key", else "x.key" for "x.crt" (manual 3.1, ssl-load-extra-del-ext).
    std::string beside = path + ".key";
    if (!Exists(beside) && path.ends_with(".crt")) {
      beside = path.substr(0, path.size() - 4) + ".key";
    }
    if (!key_base_.empty()) {
      beside = BelowBase(key_base_, beside.substr(beside.rfind('/') + 1));
    }
    if (Exists(beside) && !ReadTlsFile(beside, &key, error)) return nullptr;
  }
  auto certificate = tls::Certificate::Load(pem, key, error);
  if (certificate == nullptr) return nullptr;
  if (!certificate->warning().empty()) warnings_.push_back(certificate->warning());
  loaded_[path] = certificate;
  return certificate;
}

TlsFiles::Certificates TlsFiles::Load(const std::string& path, std::string* error) {
  Certificates all;
  const std::string full = BelowBase(crt_base_, path);
  const auto take = [&](const std::string& one) {
    auto certificate = LoadFile(one, error);
    if (certificate == nullptr) return false;
    all.push_back(std::move(certificate));
    return true;
  };
  if (Exists(full)) {
    if (!take(full)) return {};
    return all;
  }
  for (const char* ending : kBundleEndings) {
    if (Exists(full + ending) && !take(full + ending)) return {};
  }
  if (all.empty()) (void)take(full);  // says what is wrong with it
  return all;
}

bool TlsFiles::AddTo(tls::CertStore& store, const std::string& path, std::string* error) {
  const std::string full = BelowBase(crt_base_, path);
  if (!IsDirectory(full)) {
    const Certificates all = Load(path, error);
    for (const auto& certificate : all) store.Add(certificate, {});
    return !all.empty();
  }
  const std::vector<std::string> names = FilesIn(full);
  size_t count = 0;
  for (const std::string& name : names) {
    const std::string file = full + (full.ends_with('/') ? "" : "/") + name;
    if (IsDirectory(file)) continue;
    const auto certificate = LoadFile(file, error);
    if (certificate == nullptr) return false;
    store.Add(certificate, {});
    ++count;
  }
  if (count == 0) *error = "directory '" + full + "' holds no certificate";
  return count != 0;
}

bool TlsFiles::AddListLine(tls::CertStore& store, std::string_view line, std::string* error) {
  const std::vector<std::string> words = Words(line);
  if (words.empty() || words[0].starts_with('#')) return true;
  size_t next = 1;
  if (next < words.size() && words[next].starts_with('[')) {
    // Options of one certificate. None works yet; an empty list says nothing.
    std::string options;
    for (; next < words.size(); ++next) {
      options += words[next] + ' ';
      if (words[next].ends_with(']')) break;
    }
    ++next;
    if (options.find_first_not_of("[] ") != options.npos) {
      *error = "options of a single certificate, " + options + "are not supported yet";
      return false;
    }
  }
  const std::vector<std::string> filters(words.begin() + long(std::min(next, words.size())),
                                         words.end());
  const Certificates all = Load(words[0], error);
  for (const auto& certificate : all) store.Add(certificate, filters);
  return !all.empty();
}

bool TlsFiles::AddList(tls::CertStore& store, const std::string& path, std::string* error) {
  tls::NamedText list;
  if (!ReadTlsFile(BelowBase(crt_base_, path), &list, error)) return false;
  std::string_view rest = list.text;
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (!AddListLine(store, rest.substr(0, end), error)) {
      *error = "line " + std::to_string(number) + " of '" + list.name + "': " + *error;
      return false;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return true;
}

}  // namespace engine
