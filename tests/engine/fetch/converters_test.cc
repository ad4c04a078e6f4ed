#include <gtest/gtest.h>

#include <algorithm>

#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

struct ConverterRow {
  const char* expression;
  const char* expected;
};

// Check values of the specifications, and of NIST's collections.
TEST(HashConverters, GiveWhatIsPublished) {
  const ConverterRow kRows[] = {
      {"str(abc),sha1,hex", "A9993E364706816ABA3E25717850C26C9CD0D89D"},
      {"str(abc),sha2,hex", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
      {"str(abc),sha2(224),hex", "23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7"},
      {"str(abc),digest(md5),hex", "900150983CD24FB0D6963F7D28E17F72"},
      {"str(abc),digest(SHA256),sha1,length", "20"},
      {"str(\"The quick brown fox jumps over the lazy dog\"),hmac(sha256,a2V5),hex",
       "F7BC83F430538424B13298E6AA6FB143EF4D59A14946175997479DBC2D1A3CD8"},
      {"str(123456789),crc32", "3421780262"},
      {"str(123456789),crc32c", "3808858755"},
      {"str(abc),xxh32", "852579327"},
      {"str(abc),xxh64", "4952883123889572249"},
      {"str(abc),xxh3", "8696274497037089104"},
      {"bin(6BC1BEE22E409F96E93D7E117393172A),"
       "aes_cbc_enc(128,AAECAwQFBgcICQoLDA0ODw==,K34VFiiu0qar9xWICc9PPA==),bytes(0,16),hex",
       "7649ABAC8119B246CEE98E9B12E9197D"},
      {"str(secret),aes_cbc_enc(128,AAECAwQFBgcICQoLDA0ODw==,K34VFiiu0qar9xWICc9PPA==),"
       "aes_cbc_dec(128,AAECAwQFBgcICQoLDA0ODw==,K34VFiiu0qar9xWICc9PPA==)",
       "secret"},
      {"bin(0388DACE60B6A392F328C2B971B2FE78),aes_gcm_dec(128,AAAAAAAAAAAAAAAA,"
       "AAAAAAAAAAAAAAAAAAAAAA==,q25H1CzsE731OmeyEle93w==),hex",
       "00000000000000000000000000000000"},
      {"bin(0388DACE60B6A392F328C2B971B2FE79),aes_gcm_dec(128,AAAAAAAAAAAAAAAA,"
       "AAAAAAAAAAAAAAAAAAAAAA==,q25H1CzsE731OmeyEle93w==),hex",
       "<none>"},
      {"str(x),aes_gcm_enc(128,AAAAAAAAAAAAAAAA,AAAAAAAAAAAAAAAAAAAAAA==,AAAA)",
       "<error: 'aes_gcm_enc': <aead_tag> is a variable>"},
      {"int(10),x509_v_err_str", "X509_V_ERR_CERT_HAS_EXPIRED"},
      {"int(0),x509_v_err_str", "X509_V_OK"},
      {"int(99999),x509_v_err_str", "99999"},
      // A key of the wrong length, a variable that is not set.
      {"str(x),aes_cbc_dec(256,AAECAwQFBgcICQoLDA0ODw==,K34VFiiu0qar9xWICc9PPA==)", "<none>"},
      {"str(x),hmac(sha256,txn.none)", "<none>"},
      {"str(x),secure_memcmp(txn.none)", "<none>"},
      {"str(x),digest(sha257)",
       "<error: 'digest': no digest is called 'sha257'; one of md5, sha1, sha224, sha256, sha384 "
       "and sha512 is expected>"},
      {"str(x),sha2(1)", "<error: 'sha2': <bits> is one of 224, 256, 384 and 512>"},
      {"str(x),hmac(sha1,a.b)", "<error: 'hmac': 'a.b' is neither a variable nor base64>"},
      {"str(x),crc32(2)", "<error: 'crc32': <avalanche> is 0 or 1>"},
      {"str(x),aes_cbc_enc(64,AA==,AA==)",
       "<error: 'aes_cbc_enc': <bits> is one of 128, 192 and 256>"},
      {"str(x),when(acl)", "<error: 'when': 'acl' is not supported yet>"},
      {"str(x),when(normal)", "x"},
      {"str(x),when(!normal)", "<none>"},
      {"str(x),when(error)", "<none>"},
      {"str(x),capture-req(0)", "x"},
      {"str(x),fe_exists", "false"},
      {"str(x),nbsrv", "<none>"},
  };
  for (const ConverterRow& row : kRows) {
    TrafficFixture traffic;
    EXPECT_EQ(traffic.Eval(row.expression), row.expected) << row.expression;
  }
}

// The hashes of a backend's balancing are those of the converters.
TEST(HashConverters, SpreadWithAnAvalanche) {
  TrafficFixture traffic;
  for (const char* name : {"crc32", "crc32c", "djb2", "sdbm", "wt6"}) {
    const std::string converter = std::string("str(abc),") + name;
    EXPECT_NE(traffic.Eval(converter), traffic.Eval(converter + "(1)")) << name;
  }
  // What HAProxy 2.6 says of the same key.
  EXPECT_EQ(traffic.Eval("str(/k0),sdbm(1)"), "949149334");
  EXPECT_EQ(traffic.Eval("str(/k0),djb2(1)"), "3353872469");
  EXPECT_EQ(traffic.Eval("str(/k0),crc32(1)"), "1366816205");
  traffic.AddRequest("Host", "h");
  EXPECT_EQ(traffic.Eval("base32"), traffic.Eval("base,sdbm(1)"));
}

// The manual has 175 converters. What is
// missing needs maps, tables, Lua, devices, or what docs/keywords.md says.
TEST(AllUnits, HaveOneOfEachName) {
  std::vector<std::string_view> fetches = AllUnits().fetch_names();
  std::sort(fetches.begin(), fetches.end());
  EXPECT_EQ(std::adjacent_find(fetches.begin(), fetches.end()), fetches.end());
  std::vector<std::string_view> converters = AllUnits().converter_names();
  std::sort(converters.begin(), converters.end());
  EXPECT_EQ(std::adjacent_find(converters.begin(), converters.end()), converters.end());
  EXPECT_GE(converters.size(), 116u);
}

}  // namespace
}  // namespace engine
