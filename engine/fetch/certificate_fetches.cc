#include <arpa/inet.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstring>

#include "base/text.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "proto/tls/certificate_view.h"
#include "tls/link.h"

namespace engine {
namespace {

using proto::CertificateView;
using proto::DerReader;

// Whose certificate: the one that a peer has shown, or ours that its client was shown.
enum class Whose : uint8_t { kClients, kServers, kOurs };

const tls::Link* LinkOf(EvalContext& context, Whose whose) {
  const shard::Connection* connection =
      whose == Whose::kServers ? Traffic(context).to_server : Traffic(context).client;
  return connection == nullptr ? nullptr : tls::Link::Of(*connection);
}

const STACK_OF(CRYPTO_BUFFER) * ChainOf(const tls::Link* link) {
  return link == nullptr || link->ssl() == nullptr ? nullptr
                                                   : SSL_get0_peer_certificates(link->ssl());
}

// Encoded; empty: there is none.
template <Whose kWhose>
std::string_view Encoded(EvalContext& context) {
  const tls::Link* link = LinkOf(context, kWhose);
  if (kWhose == Whose::kOurs) {
    const tls::Certificate* own = link == nullptr ? nullptr : link->certificate();
    return own == nullptr ? std::string_view() : own->leaf();
  }
  const STACK_OF(CRYPTO_BUFFER)* chain = ChainOf(link);
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return {};
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  return {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)};
}

template <Whose kWhose>
bool View(EvalContext& context, CertificateView* view) {
  const std::string_view der = Encoded<kWhose>(context);
  return !der.empty() && proto::ReadCertificate(der, view);
}

// A text that grows in the scratch. What does not fit gives nothing.
class Text {
 public:
  explicit Text(Scratch& scratch)
      : scratch_(scratch), room_(scratch.left()), begin_(scratch.Take(room_)) {}
  void Add(std::string_view text) {
    full_ = full_ || room_ - used_ < text.size();
    if (full_ || text.empty()) return;
    std::memcpy(begin_ + used_, text.data(), text.size());
    used_ += text.size();
  }
  void AddIdentifier(std::string_view identifier) {
    const size_t length = proto::WriteIdentifier(identifier, begin_ + used_, room_ - used_);
    full_ = full_ || length == 0;
    used_ += length;
  }
  bool empty() const { return used_ == 0; }
  // Must be called, once.
  bool Finish(Sample& sample) {
    scratch_.Shrink(begin_, full_ ? 0 : used_);
    sample.SetString({begin_, used_});
    return !full_;
  }

 private:
  Scratch& scratch_;
  const size_t room_;
  char* const begin_;
  size_t used_ = 0;
  bool full_ = false;
};

// Fields ------------------------------------------------------------------------------------------

template <Whose kWhose>
bool Der(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const std::string_view der = Encoded<kWhose>(context);
  return !der.empty() && GiveBytes(sample, der);
}

template <Whose kWhose>
bool ChainDer(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const STACK_OF(CRYPTO_BUFFER)* chain = ChainOf(LinkOf(context, kWhose));
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return false;
  Text text(context.scratch());
  for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    const CRYPTO_BUFFER* one = sk_CRYPTO_BUFFER_value(chain, i);
    text.Add({reinterpret_cast<const char*>(CRYPTO_BUFFER_data(one)), CRYPTO_BUFFER_len(one)});
  }
  if (!text.Finish(sample)) return false;
  return GiveBytes(sample, sample.text);
}

template <Whose kWhose>
bool Fingerprint(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const std::string_view der = Encoded<kWhose>(context);
  char* digest = context.scratch().Take(SHA_DIGEST_LENGTH);
  if (der.empty() || digest == nullptr) return false;
  SHA1(reinterpret_cast<const uint8_t*>(der.data()), der.size(),
       reinterpret_cast<uint8_t*>(digest));
  return GiveBytes(sample, {digest, SHA_DIGEST_LENGTH});
}

template <Whose kWhose>
bool Version(const PreparedUnit&, Sample& sample, EvalContext& context) {
  CertificateView view;
  return View<kWhose>(context, &view) && GiveNumber(sample, view.version);
}
template <Whose kWhose>
bool Serial(const PreparedUnit&, Sample& sample, EvalContext& context) {
  CertificateView view;
  return View<kWhose>(context, &view) && GiveBytes(sample, view.serial);
}
template <Whose kWhose, std::string_view CertificateView::*kTime>
bool Time(const PreparedUnit&, Sample& sample, EvalContext& context) {
  CertificateView view;
  return View<kWhose>(context, &view) && GiveText(sample, view.*kTime);
}
template <Whose kWhose, std::string_view CertificateView::*kAlgorithm>
bool AlgorithmName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  CertificateView view;
  if (!View<kWhose>(context, &view)) return false;
  const std::string_view name = proto::AlgorithmName(view.*kAlgorithm);
  if (!name.empty()) return GiveText(sample, name);
  Text text(context.scratch());
  text.AddIdentifier(view.*kAlgorithm);
  return text.Finish(sample);
}

constexpr uint8_t kSequence = 0x30;

// Names -------------------------------------------------------------------------------------------

// Names of attributes have no case (RFC 4512 section 1.4): the manual asks for "CN" and for "cn".
bool HasName(const proto::NameEntry& entry, std::string_view wanted) {
  if (!entry.name.empty() && base::EqualsIgnoreCase(entry.name, wanted)) return true;
  char dotted[128];
  const size_t length = proto::WriteIdentifier(entry.identifier, dotted, sizeof(dotted));
  return wanted == std::string_view(dotted, length);
}

// A NUL in a value hides what stands behind it from who reads texts.
bool IsMalformed(std::string_view value) { return value.find('\0') != value.npos; }

bool GiveEntry(Sample& sample, std::string_view name, std::string_view wanted, int64_t occurrence) {
  int64_t count = 0;
  proto::NameEntry entry;
  if (occurrence < 0) {
    proto::NameReader all(name);
    while (all.Next(&entry)) count += HasName(entry, wanted) ? 1 : 0;
    occurrence += count + 1;
  }
  if (occurrence <= 0) occurrence = occurrence == 0 ? 1 : 0;
  if (occurrence == 0) return false;
  proto::NameReader reader(name);
  while (reader.Next(&entry)) {
    if (!HasName(entry, wanted) || --occurrence > 0) continue;
    return !IsMalformed(entry.value) && GiveText(sample, entry.value);
  }
  return false;
}

void AddName(Text& text, const proto::NameEntry& entry) {
  if (entry.name.empty()) {
    text.AddIdentifier(entry.identifier);
  } else {
    text.Add(entry.name);
  }
  text.Add("=");
}

// RFC 2253 section 2.4. OpenSSL, and so HAProxy, writes in hex what is not printable ASCII.
void AddEscaped(Text& text, std::string_view value) {
  constexpr std::string_view kSpecial = ",+\"\\<>;";
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < value.size(); ++i) {
    const auto byte = uint8_t(value[i]);
    if (byte < 0x20 || byte >= 0x7f) {
      const char hex[] = {'\\', kDigits[byte >> 4], kDigits[byte & 15]};
      text.Add({hex, sizeof(hex)});
      continue;
    }
    const bool edge =
        (value[i] == ' ' && (i == 0 || i + 1 == value.size())) || (value[i] == '#' && i == 0);
    if (edge || kSpecial.find(value[i]) != kSpecial.npos) text.Add("\\");
    text.Add(value.substr(i, 1));
  }
}

bool GiveWhole(Sample& sample, Scratch& scratch, std::string_view name, bool rfc2253) {
  constexpr size_t kEntriesMax = 64;
  proto::NameEntry entries[kEntriesMax];
  size_t count = 0;
  proto::NameReader reader(name);
  while (count < kEntriesMax && reader.Next(&entries[count])) {
    if (IsMalformed(entries[count].value)) return false;
    ++count;
  }
  Text text(scratch);
  for (size_t i = 0; i < count; ++i) {
    const proto::NameEntry& entry = entries[rfc2253 ? count - 1 - i : i];
    if (!rfc2253) {
      text.Add("/");
      AddName(text, entry);
      text.Add(entry.value);
      continue;
    }
    if (i > 0) text.Add(",");
    AddName(text, entry);
    AddEscaped(text, entry.value);
  }
  return text.Finish(sample) && count > 0;
}

bool GiveName(const PreparedUnit& unit, Sample& sample, EvalContext& context,
              std::string_view name) {
  const std::string_view entry = unit.arguments.text(0);
  if (!entry.empty()) return GiveEntry(sample, name, entry, unit.arguments.number(1, 0));
  return GiveWhole(sample, context.scratch(), name, unit.number == 1);
}

template <Whose kWhose, std::string_view CertificateView::*kName>
bool Name(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  CertificateView view;
  return View<kWhose>(context, &view) && GiveName(unit, sample, context, view.*kName);
}

bool PrepareName(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.has(2) ? 1 : 0;
  if (unit.number == 0 || unit.arguments.text(2) == "rfc2253") return true;
  *why = "the only format is 'rfc2253'";
  return false;
}

// Of the CA that a client's chain was verified by.
bool RootName(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const tls::Link* link = LinkOf(context, Whose::kClients);
  if (link == nullptr || link->root() == nullptr) return false;
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (X509_NAME_get0_der(X509_get_subject_name(link->root()), &bytes, &length) != 1) return false;
  DerReader outer{{reinterpret_cast<const char*>(bytes), length}};
  std::string_view name;
  return outer.Take(kSequence, &name) && GiveName(unit, sample, context, name);
}

// Extensions --------------------------------------------------------------------------------------

constexpr std::string_view kSubjectAltName = {"\x55\x1d\x11", 3};
constexpr std::string_view kPolicies = {"\x55\x1d\x20", 3};

void AddAddress(Text& text, std::string_view bytes) {
  char out[INET6_ADDRSTRLEN];
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  text.Add("IP Address:");
  if ((bytes.size() == 4 || bytes.size() == 16) &&
      inet_ntop(family, bytes.data(), out, sizeof(out)) != nullptr) {
    text.Add(out);
  } else {
    text.Add("<invalid>");
  }
}

bool AltNames(const PreparedUnit&, Sample& sample, EvalContext& context) {
  CertificateView view;
  if (!View<Whose::kClients>(context, &view)) return false;
  DerReader outer{proto::FindExtension(view, kSubjectAltName)};
  std::string_view list;
  if (!outer.Take(kSequence, &list)) return false;
  Text text(context.scratch());
  DerReader reader{list};
  std::string_view value;
  for (uint8_t tag = 0; reader.Next(&tag, &value);) {
    const std::string_view prefix = tag == 0x81   ? "email:"
                                    : tag == 0x82 ? "DNS:"
                                    : tag == 0x86 ? "URI:"
                                                  : "";
    if (prefix.empty() && tag != 0x87) continue;
    if (!text.empty()) text.Add(", ");
    if (tag == 0x87) {
      AddAddress(text, value);
    } else {
      text.Add(prefix);
      text.Add(value);
    }
  }
  return text.Finish(sample);
}

bool Policies(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  CertificateView view;
  if (!View<Whose::kClients>(context, &view)) return false;
  DerReader outer{proto::FindExtension(view, kPolicies)};
  std::string_view list, policy;
  if (!outer.Take(kSequence, &list)) return false;
  const std::string_view wanted = unit.arguments.text(0);
  Text text(context.scratch());
  bool found = false;
  for (DerReader reader{list}; reader.Take(kSequence, &policy);) {
    DerReader inside{policy};
    std::string_view identifier;
    char dotted[128];
    if (!inside.Take(0x06, &identifier)) break;
    const size_t length = proto::WriteIdentifier(identifier, dotted, sizeof(dotted));
    const std::string_view one(dotted, length);
    if (!wanted.empty() && one != wanted) continue;
    if (found) text.Add(",");
    text.Add(one);
    found = true;
  }
  return text.Finish(sample) && found;
}

// The table ---------------------------------------------------------------------------------------

constexpr ArgumentSpec kEntry[] = {{"entry", ArgumentType::kString, kOptional},
                                   {"occ", ArgumentType::kInteger, kOptional},
                                   {"format", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kOid[] = {{"oid", ArgumentType::kString, kOptional}};

using kind::kBinary;
using kind::kNumber;
using kind::kText;
using needs::kServer;
using needs::kShaken;
using enum Whose;
using ViewField = std::string_view CertificateView::*;
constexpr ViewField kSubject = &CertificateView::subject;
constexpr ViewField kIssuer = &CertificateView::issuer;
constexpr ViewField kKeyAlgorithm = &CertificateView::key;
constexpr ViewField kSignature = &CertificateView::signature;
constexpr ViewField kBefore = &CertificateView::not_before;
constexpr ViewField kAfter = &CertificateView::not_after;

constexpr FetchSpec kCertificateFetches[] = {
    {"ssl_c_chain_der", kBinary, {}, kShaken, &ChainDer<kClients>},
    {"ssl_c_der", kBinary, {}, kShaken, &Der<kClients>},
    {"ssl_c_i_dn", kText, kEntry, kShaken, &Name<kClients, kIssuer>, &PrepareName},
    {"ssl_c_key_alg", kText, {}, kShaken, &AlgorithmName<kClients, kKeyAlgorithm>},
    {"ssl_c_notafter", kText, {}, kShaken, &Time<kClients, kAfter>},
    {"ssl_c_notbefore", kText, {}, kShaken, &Time<kClients, kBefore>},
    {"ssl_c_policies", kText, kOid, kShaken, &Policies},
    {"ssl_c_r_dn", kText, kEntry, kShaken, &RootName, &PrepareName},
    {"ssl_c_s_dn", kText, kEntry, kShaken, &Name<kClients, kSubject>, &PrepareName},
    {"ssl_c_san", kText, {}, kShaken, &AltNames},
    {"ssl_c_serial", kBinary, {}, kShaken, &Serial<kClients>},
    {"ssl_c_sha1", kBinary, {}, kShaken, &Fingerprint<kClients>},
    {"ssl_c_sig_alg", kText, {}, kShaken, &AlgorithmName<kClients, kSignature>},
    {"ssl_c_version", kNumber, {}, kShaken, &Version<kClients>},
    {"ssl_f_der", kBinary, {}, kShaken, &Der<kOurs>},
    {"ssl_f_i_dn", kText, kEntry, kShaken, &Name<kOurs, kIssuer>, &PrepareName},
    {"ssl_f_key_alg", kText, {}, kShaken, &AlgorithmName<kOurs, kKeyAlgorithm>},
    {"ssl_f_notafter", kText, {}, kShaken, &Time<kOurs, kAfter>},
    {"ssl_f_notbefore", kText, {}, kShaken, &Time<kOurs, kBefore>},
    {"ssl_f_s_dn", kText, kEntry, kShaken, &Name<kOurs, kSubject>, &PrepareName},
    {"ssl_f_serial", kBinary, {}, kShaken, &Serial<kOurs>},
    {"ssl_f_sha1", kBinary, {}, kShaken, &Fingerprint<kOurs>},
    {"ssl_f_sig_alg", kText, {}, kShaken, &AlgorithmName<kOurs, kSignature>},
    {"ssl_f_version", kNumber, {}, kShaken, &Version<kOurs>},
    {"ssl_s_chain_der", kBinary, {}, kServer, &ChainDer<kServers>},
    {"ssl_s_der", kBinary, {}, kServer, &Der<kServers>},
    {"ssl_s_i_dn", kText, kEntry, kServer, &Name<kServers, kIssuer>, &PrepareName},
    {"ssl_s_key_alg", kText, {}, kServer, &AlgorithmName<kServers, kKeyAlgorithm>},
    {"ssl_s_notafter", kText, {}, kServer, &Time<kServers, kAfter>},
    {"ssl_s_notbefore", kText, {}, kServer, &Time<kServers, kBefore>},
    {"ssl_s_s_dn", kText, kEntry, kServer, &Name<kServers, kSubject>, &PrepareName},
    {"ssl_s_serial", kBinary, {}, kServer, &Serial<kServers>},
    {"ssl_s_sha1", kBinary, {}, kServer, &Fingerprint<kServers>},
    {"ssl_s_sig_alg", kText, {}, kServer, &AlgorithmName<kServers, kSignature>},
    {"ssl_s_version", kNumber, {}, kServer, &Version<kServers>},
};

}  // namespace

std::span<const FetchSpec> CertificateFetches() { return kCertificateFetches; }

}  // namespace engine
