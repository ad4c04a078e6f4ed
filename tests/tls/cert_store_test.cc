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
  EXPECT_EQ(store.Find("unknown", true), ecdsa.get());
  EXPECT_EQ(store.Find("unknown", false), rsa.get());
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
  store.AddDefault(given);
  store.Add(other, {});
  EXPECT_EQ(store.Find("unknown", true), given.get());
  EXPECT_EQ(store.Find("b", true), other.get());
}

}  // namespace
}  // namespace tls
