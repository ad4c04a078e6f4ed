#include "engine/server/tls_files.h"

#include <algorithm>
#include <cerrno>

#include "base/errno_name.h"
#include "base/start_rights.h"
#include "tls/trust.h"

namespace engine {
namespace {

constexpr const char* kDsaEnding = ".dsa";
constexpr const char* kBundleEndings[] = {".rsa", ".ecdsa", kDsaEnding};

bool Exists(const std::string& path) { return base::StartRights::Current().Exists(path); }

bool IsDirectory(const std::string& path) { return base::StartRights::Current().IsFolder(path); }

// Files that stand beside a certificate and are none (manual 5.1, crt).
bool IsBeside(std::string_view name) {
  for (const char* ending : {".key", ".issuer", ".ocsp", ".sctl"}) {
    if (name.ends_with(ending)) return true;
  }
  return name.starts_with('.');
}

bool MayHoldAuthority(std::string_view name) {
  if (name.starts_with('.')) return false;
  for (const char* ending : {".pem", ".crt", ".cer", ".crl"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

template <typename Wanted>
std::vector<std::string> FilesIn(const std::string& folder, Wanted wanted) {
  std::vector<std::string> names;
  // One that cannot be listed holds no certificate.
  (void)base::StartRights::Current().List(folder, &names);
  std::erase_if(names, [&](const std::string& name) { return !wanted(name); });
  std::sort(names.begin(), names.end());
  return names;
}

std::string PathIn(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

// Blanks part words, and so do the brackets around options.
std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == line.npos) return words;
    line.remove_prefix(start);
    const size_t close = line.find(']');
    size_t end = std::min({line.find_first_of(" \t\r"), line.find('[', 1), line.size()});
    if (close < end) end = close + 1;
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// "[key FILE ocsp FILE ...]": files of one certificate (manual 12.7.1); an empty list says nothing.
bool TakeListOptions(std::string options, CertificateWords* beside, bool* updates,
                     std::string* error) {
  std::replace(options.begin(), options.end(), '[', ' ');
  std::replace(options.begin(), options.end(), ']', ' ');
  const std::vector<std::string> words = Words(options);
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& word = words[i];
    std::string* const to = word == "key"      ? &beside->key
                            : word == "ocsp"   ? &beside->ocsp
                            : word == "issuer" ? &beside->issuer
                            : word == "sctl"   ? &beside->timestamps
                                               : nullptr;
    // Fetching responses does not work; what is in the file is sent all the same.
    const bool is_update = word == "ocsp-update";
    if (to == nullptr && !is_update) {
      *error = "option '" + word + "' of a single certificate is not supported yet";
      return false;
    }
    if (i + 1 == words.size()) {
      *error = "'" + word + "' expects an argument";
      return false;
    }
    const std::string& argument = words[i + 1];
    if (to != nullptr) *to = argument;
    if (is_update && argument != "on" && argument != "off") {
      *error = "'ocsp-update' expects 'on' or 'off', not '" + argument + "'";
      return false;
    }
    *updates |= is_update && argument == "on";
  }
  return true;
}

}  // namespace

std::string BelowBase(const std::string& base, const std::string& path) {
  if (base.empty() || path.starts_with('/') || path.starts_with('@')) return path;
  return base.ends_with('/') ? base + path : base + '/' + path;
}

bool ReadTlsFile(const std::string& path, tls::NamedText* text, std::string* error) {
  text->name = path;
  text->text.clear();
  const int result = base::StartRights::Current().ReadFile(path, &text->text);
  if (result < 0) *error = "cannot read '" + path + "': " + base::ErrnoText(-result);
  return result >= 0;
}

bool ReadAuthorities(const std::string& path, std::vector<tls::NamedText>* texts,
                     std::vector<std::string>* warnings, std::string* error) {
  if (!IsDirectory(path)) {
    tls::NamedText text;
    if (!ReadTlsFile(path, &text, error)) return false;
    texts->push_back(std::move(text));
    return true;
  }
  const size_t before = texts->size();
  for (const std::string& name : FilesIn(path, MayHoldAuthority)) {
    tls::NamedText text;
    std::string fault;
    tls::Trust alone;
    if (!ReadTlsFile(PathIn(path, name), &text, &fault) ||
        !alone.AddAuthorities(text, false, &fault)) {
      warnings->push_back(fault + "; the file is left out");
      continue;
    }
    texts->push_back(std::move(text));
  }
  if (texts->size() == before) {
    warnings->push_back("directory '" + path + "' holds no certificate of a CA: nobody is trusted");
  }
  return true;
}

TlsFiles::CertificatePtr TlsFiles::LoadFile(const std::string& path, std::string* error) {
  if (const auto found = loaded_.find(path); found != loaded_.end()) return found->second;
  CertificateWords paths;
  paths.certificate = path;
  auto certificate = LoadParts(paths, {}, error);
  if (certificate != nullptr) loaded_[path] = certificate;
  return certificate;
}

TlsFiles::CertificatePtr TlsFiles::LoadParts(const CertificateWords& paths, const std::string& name,
                                             std::string* error) {
  const std::string& path = paths.certificate;
  tls::CertificateParts parts;
  parts.name = name;
  if (!ReadTlsFile(path, &parts.pem, error)) return nullptr;
  const bool replaces = extra_.replaces_crt && path.ends_with(".crt");
  const std::string base = replaces ? path.substr(0, path.size() - 4) : path;
  const auto take = [&](const std::string& given, bool looks, const char* ending,
                        tls::NamedText* text) {
    const std::string file = given.empty() ? base + ending : given;
    return (given.empty() && !(looks && Exists(file))) || ReadTlsFile(file, text, error);
  };
  parts.key_wins = !paths.key.empty();
  const bool has_key = parts.pem.text.find("PRIVATE KEY-----") != std::string::npos;
  if (!take(paths.key, extra_.key && !has_key, ".key", &parts.key) ||
      !take(paths.ocsp, extra_.ocsp, ".ocsp", &parts.ocsp) ||
      !take(paths.issuer, extra_.issuer, ".issuer", &parts.issuer) ||
      !take(paths.timestamps, extra_.timestamps, ".sctl", &parts.timestamps)) {
    return nullptr;
  }
  if (parts.key.name.empty() && extra_.key) parts.key.name = base + ".key";  // where it would be
  auto certificate = tls::Certificate::Load(parts, error);
  if (certificate != nullptr && !certificate->warning().empty()) {
    warnings_.push_back(certificate->warning());
  }
  return certificate;
}

bool TlsFiles::AddLoad(const CrtStore& store, const CertificateWords& words, std::string* error) {
  const auto base = [](const std::string& own, const std::string& global) -> const std::string& {
    return own.empty() ? global : own;
  };
  CertificateWords paths = words;
  paths.certificate = BelowBase(base(store.crt_base, crt_base_), words.certificate);
  if (!words.key.empty()) paths.key = BelowBase(base(store.key_base, key_base_), words.key);
  const std::string prefix = "@" + store.name + "/";
  std::string name;
  if (!words.alias.empty()) name = prefix + words.alias;
  if (words.alias.empty() && !store.name.empty()) name = prefix + words.certificate;
  const CertificatePtr certificate = LoadParts(paths, name, error);
  if (certificate == nullptr) return false;
  const auto add = [&](const std::string& name) {
    if (named_.emplace(prefix + name, certificate).second) return true;
    *error = "'" + prefix + name + "' is already defined";
    return false;
  };
  if (!add(words.certificate) || (!words.alias.empty() && !add(words.alias))) return false;
  if (store.name.empty()) loaded_[paths.certificate] = certificate;
  return true;
}

TlsFiles::Certificates TlsFiles::Load(const std::string& path, std::string* error) {
  Certificates all;
  if (path.starts_with('@')) {
    if (const auto found = named_.find(path); found != named_.end()) return {found->second};
    *error = "no 'load' line of a crt-store defines '" + path + "'";
    return {};
  }
  const std::string full = BelowBase(crt_base_, path);
  if (extra_.bundle && !loaded_.contains(full) && !Exists(full)) return LoadBundle(full, error);
  if (auto certificate = LoadFile(full, error)) all.push_back(std::move(certificate));
  return all;
}

TlsFiles::CertificatePtr TlsFiles::LoadOne(const std::string& path, std::string* error) {
  if (!path.starts_with('@')) return LoadFile(BelowBase(crt_base_, path), error);
  const Certificates all = Load(path, error);
  return all.empty() ? nullptr : all.front();
}

TlsFiles::Certificates TlsFiles::LoadBundle(const std::string& path, std::string* error) {
  Certificates all;
  bool found = false;
  for (const char* ending : kBundleEndings) {
    const std::string file = path + ending;
    if (!Exists(file)) continue;
    found = true;
    if (IsLeftOut(file)) continue;
    auto certificate = LoadFile(file, error);
    if (certificate == nullptr) return {};
    all.push_back(std::move(certificate));
  }
  if (!found) {
    (void)LoadFile(path, error);  // says what is wrong with it
  } else if (all.empty()) {
    *error = "the bundle '" + path + "' has nothing but DSA, which the TLS library does not know";
  }
  return all;
}

bool TlsFiles::IsLeftOut(const std::string& file) {
  if (!file.ends_with(kDsaEnding)) return false;
  const std::string warning = "'" + file + "' is left out: the TLS library has no DSA";
  const bool is_told = std::find(warnings_.begin(), warnings_.end(), warning) != warnings_.end();
  if (!is_told) warnings_.push_back(warning);
  return true;
}

bool TlsFiles::AddTo(tls::CertStore& store, const std::string& path, std::string* error) {
  const std::string full = BelowBase(crt_base_, path);
  if (!IsDirectory(full)) {
    const Certificates all = Load(path, error);
    if (!all.empty()) store.AddBundle(all, {});
    return !all.empty();
  }
  const std::vector<std::string> names =
      FilesIn(full, [](const std::string& name) { return !IsBeside(name); });
  size_t count = 0;
  for (const std::string& name : names) {
    const std::string file = PathIn(full, name);
    if (IsDirectory(file) || IsLeftOut(file)) continue;
    const auto certificate = LoadFile(file, error);
    if (certificate == nullptr) return false;
    store.Add(certificate, {});
    ++count;
  }
  if (count == 0) *error = "directory '" + full + "' holds no certificate";
  return count != 0;
}

TlsFiles::Certificates TlsFiles::LoadBeside(const std::string& path, CertificateWords beside,
                                            std::string* error) {
  const bool names_files = !beside.key.empty() || !beside.ocsp.empty() || !beside.issuer.empty() ||
                           !beside.timestamps.empty();
  if (!names_files) return Load(path, error);
  if (path.starts_with('@')) {
    *error = "'" + path + "' has its files in its crt-store";
    return {};
  }
  beside.certificate = BelowBase(crt_base_, path);
  if (!beside.key.empty()) beside.key = BelowBase(key_base_, beside.key);
  CertificatePtr certificate = LoadParts(beside, {}, error);
  if (certificate == nullptr) return {};
  return {std::move(certificate)};
}

bool TlsFiles::AddListLine(tls::CertStore& store, std::string_view line, std::string* error) {
  const std::vector<std::string> words = Words(line);
  if (words.empty() || words[0].starts_with('#')) return true;
  size_t next = 1;
  CertificateWords beside;
  if (next < words.size() && words[next].starts_with('[')) {
    std::string options;
    for (bool open = true; open && next < words.size(); ++next) {
      options += words[next] + ' ';
      open = !words[next].ends_with(']');
    }
    if (!TakeListOptions(options, &beside, &wants_ocsp_updates_, error)) return false;
  }
  const std::vector<std::string> filters(words.begin() + long(std::min(next, words.size())),
                                         words.end());
  const Certificates all = LoadBeside(words[0], beside, error);
  if (!all.empty()) store.AddBundle(all, filters);
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
