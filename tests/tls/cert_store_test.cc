// Which certificate a name gets.

#include "tls/cert_store.h"

#include <gtest/gtest.h>

#include "tests/tls/test_certificates.h"

namespace tls {
namespace {

TEST(CertStore, ExactNameComesBeforeWildcardAndDefault) {
  CertStore store;
  auto first = MakeCertificate({.names = {"localhost"}});
  auto wild = MakeCertificate({.names = {"*.example.com"}});
  auto exact = MakeCertificate({.names = {"www.example.com"}});
  for (const auto& one : {first, wild, exact}) store.Add(one, {});
  EXPECT_EQ(store.Find("www.example.com", true), exact.get());
  EXPECT_EQ(store.Find("WWW.Example.COM", true), exact.get());
  EXPECT_EQ(store.Find("other.example.com", true), wild.get());
  EXPECT_EQ(store.Find("a.b.example.com", true), first.get());
  EXPECT_EQ(store.Find("example.com", true), first.get());
  EXPECT_EQ(store.Find("", true), first.get());
  EXPECT_EQ(store.Find(std::string(300, 'a'), true), first.get());
}

TEST(CertStore, StrictNamesHaveNoDefault) {
  CertStore store;
  auto one = MakeCertificate({.names = {"localhost"}});
  store.Add(one, {});
  store.SetStrict(true);
  EXPECT_EQ(store.Find("localhost", true), one.get());
  EXPECT_EQ(store.Find("other", true), nullptr);
  EXPECT_EQ(store.Find("", true), nullptr);
}

TEST(CertStore, KindFollowsWhatTheClientVerifies) {
  CertStore store;
  auto rsa = MakeCertificate({.names = {"localhost"}, .kind = KeyKind::kRsa});
  auto ecdsa = MakeCertificate({.names = {"localhost"}});
  store.Add(rsa, {});
  store.Add(ecdsa, {});
  EXPECT_EQ(store.Find("localhost", true), ecdsa.get());
  EXPECT_EQ(store.Find("localhost", false), rsa.get());
}

TEST(CertStore, FirstIsTheDefaultWhateverFollows) {
  CertStore store;
  auto rsa = MakeCertificate({.names = {"localhost", "a.test"}, .kind = KeyKind::kRsa});
  auto ecdsa = MakeCertificate({.names = {"ec.test", "localhost"}});
  store.Add(rsa, {});
  store.Add(ecdsa, {});
  for (const char* name : {"", "unknown.test"}) {
    EXPECT_EQ(store.Find(name, true), rsa.get());
    EXPECT_EQ(store.Find(name, false), rsa.get());
  }
  EXPECT_EQ(store.Find("localhost", true), ecdsa.get());
}

struct DefaultPairRow {
  const char* name;
  void (*add)(CertStore&, const CertStore::CertificatePtr& rsa,
              const CertStore::CertificatePtr& ecdsa);
};

// The three ways to a default of both kinds (manual 5.1, crt), and what comes before them counts.
TEST(CertStore, PairsOfDefaultsAreSaid) {
  constexpr DefaultPairRow kRows[] = {
      {"bundle",
       [](CertStore& store, auto& rsa, auto& ecdsa) {
         store.AddBundle({rsa, ecdsa}, {});
       }},
      {"filter",
       [](CertStore& store, auto& rsa, auto& ecdsa) {
         store.Add(rsa, {"*"});
         store.Add(ecdsa, {"*", "ec.test"});
       }},
      {"default-crt",
       [](CertStore& store, auto& rsa, auto& ecdsa) {
         store.AddDefaults({rsa});
         store.AddDefaults({ecdsa});
       }},
      {"crt, then default-crt",
       [](CertStore& store, auto& rsa, auto& ecdsa) {
         store.Add(rsa, {});
         store.AddDefaults({MakeCertificate({.names = {"late.test"}, .kind = KeyKind::kRsa})});
         store.AddDefaults({ecdsa});
       }},
  };
  auto rsa = MakeCertificate({.names = {"rsa.test"}, .kind = KeyKind::kRsa});
  auto ecdsa = MakeCertificate({.names = {"ec.test"}});
  for (const DefaultPairRow& row : kRows) {
    CertStore store;
    row.add(store, rsa, ecdsa);
    store.Add(MakeCertificate({.names = {"other.test"}}), {});
    EXPECT_EQ(store.Find("unknown.test", true), ecdsa.get()) << row.name;
    EXPECT_EQ(store.Find("", false), rsa.get()) << row.name;
    EXPECT_EQ(store.Find("ec.test", true), ecdsa.get()) << row.name;
  }
}

TEST(CertStore, FiltersTakeThePlaceOfNames) {
  CertStore store;
  auto first = MakeCertificate({.names = {"localhost"}});
  auto other = MakeCertificate({.names = {"hidden.example.com"}});
  store.Add(first, {});
  store.Add(other, {"*.example.com", "!no.example.com"});
  EXPECT_EQ(store.Find("any.example.com", true), other.get());
  EXPECT_EQ(store.Find("no.example.com", true), first.get());
  EXPECT_EQ(store.Find("hidden.example.com", true), other.get());
}

TEST(CertStore, DefaultThatIsGivenWins) {
  CertStore store;
  auto given = MakeCertificate({.names = {"a"}});
  auto other = MakeCertificate({.names = {"b"}});
  store.AddDefaults({given});
  store.Add(other, {});
  EXPECT_EQ(store.Find("unknown", true), given.get());
  EXPECT_EQ(store.Find("b", true), other.get());
}

}  // namespace
}  // namespace tls
