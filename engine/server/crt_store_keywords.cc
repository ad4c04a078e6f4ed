#include "engine/server/crt_store_keywords.h"

#include <climits>
#include <string>

#include "engine/config/value.h"

namespace engine {
namespace {

using scope::kCrtLoad;
using scope::kCrtStore;

bool TakeLoad(BuildContext& context, KeywordUse& use) {
  CertificateWords words;
  words.place = PlaceOf(use.line);
  context.certificate = &words;
  const bool good =
      context.keywords.RunOptions(context, use.line, use.first_argument, kCrtLoad, use.diagnostics);
  context.certificate = nullptr;
  use.next = use.line.size();
  if (!good) return false;
  if (words.certificate.empty()) return Refuse(use, 0, "expects 'crt' with a file");
  context.crt_store->loads.push_back(std::move(words));
  return true;
}

// What must be off, because it does not work when it is on.
void AddOff(BuildKeywords& keywords, const char* word) {
  keywords.Add({word, kCrtLoad}, [](BuildContext&, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "'off'")) return false;
    const Parsed<size_t> value = ParseOneOf(use.argument(0), {"off", "on"});
    if (!value) return Refuse(use, 0, value.error);
    return value.value == 0 || Refuse(use, 0, "'on' is not supported yet");
  });
}

}  // namespace

void TellOfOcspUpdate(Diagnostics& diagnostics, const Location& where) {
  diagnostics.NoEffect("ocsp-update", where,
                       "'ocsp-update on' has no effect: OCSP responses are read from files, and "
                       "not fetched");
}

void RegisterCrtStoreKeywords(BuildKeywords& keywords) {
  const auto add_base = [&](const char* word, std::string CrtStore::*field) {
    keywords.Add({word, kCrtStore}, [=](BuildContext& context, KeywordUse& use) {
      if (!HasArguments(use, 1, 1, "a folder")) return false;
      context.crt_store->*field = use.argument(0);
      return true;
    });
  };
  add_base("crt-base", &CrtStore::crt_base);
  add_base("key-base", &CrtStore::key_base);
  keywords.Add({"load", kCrtStore}, TakeLoad);
  const auto add_text = [&](const char* word, std::string CertificateWords::*field) {
    keywords.Add({word, kCrtLoad}, [=](BuildContext& context, KeywordUse& use) {
      use.next = use.first_argument + 1;
      if (!HasArguments(use, 1, SIZE_MAX)) return false;
      context.certificate->*field = use.argument(0);
      return true;
    });
  };
  add_text("crt", &CertificateWords::certificate);
  add_text("key", &CertificateWords::key);
  add_text("ocsp", &CertificateWords::ocsp);
  add_text("issuer", &CertificateWords::issuer);
  add_text("sctl", &CertificateWords::timestamps);
  add_text("alias", &CertificateWords::alias);
  keywords.Add({"ocsp-update", kCrtLoad}, [](BuildContext&, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "'off' or 'on'")) return false;
    const Parsed<size_t> value = ParseOneOf(use.argument(0), {"off", "on"});
    if (!value) return Refuse(use, 0, value.error);
    if (value.value == 0) return true;
    TellOfOcspUpdate(use.diagnostics, use.line.At(use.first_word));
    return true;
  });
  // Converters read the keys they name by themselves: both ways they have them.
  keywords.Add({"jwt", kCrtLoad}, [](BuildContext&, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "'off' or 'on'")) return false;
    const Parsed<bool> value = ParseOnOff(use.argument(0));
    return value || Refuse(use, 0, value.error);
  });
  AddOff(keywords, "generate-dummy");
}

void ReadCrtStore(BuildContext& context, const Section& section) {
  std::vector<CrtStore>& stores = context.configuration.global.tls.stores;
  stores.emplace_back();
  stores.back().name = section.name;
  context.crt_store = &stores.back();
  for (const Line& line : section.lines) {
    context.keywords.Run(context, line, kCrtStore, context.diagnostics);
  }
  context.crt_store = nullptr;
}

}  // namespace engine
