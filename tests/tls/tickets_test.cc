// Keys of tickets: the same on every shard, rotated, and those of a file.

#include "tls/tickets.h"

#include <gtest/gtest.h>
#include <openssl/cipher.h>
#include <openssl/hmac.h>

#include <cstring>

namespace tls {
namespace {

struct Call {
  uint8_t name[16] = {};
  uint8_t iv[16] = {};
  bssl::ScopedEVP_CIPHER_CTX cipher;
  bssl::ScopedHMAC_CTX hmac;
  int Do(TicketKeys& keys, uint64_t now_s, bool encrypt,
         const std::vector<TicketKeyBytes>& file = {}) {
    return keys.Apply(file, now_s, name, iv, cipher.get(), hmac.get(), encrypt);
  }
};

TEST(TicketKeys, EveryShardHasTheSameAtTheSameTime) {
  const TicketSecret secret = TicketSecret::Draw(1000);
  TicketKeys one(secret);
  TicketKeys other(secret);
  Call now;
  EXPECT_EQ(now.Do(one, 1000, true), 1);
  EXPECT_EQ(now.Do(other, 2000, false), 1);
  const uint64_t later_s = 1000 + 5 * TicketKeys::kRotationSeconds;
  Call later;
  EXPECT_EQ(later.Do(one, later_s, true), 1);
  EXPECT_EQ(later.Do(other, later_s, false), 1);
  EXPECT_NE(std::memcmp(now.name, later.name, sizeof(now.name)), 0);
}

TEST(TicketKeys, TicketIsRenewedOnceAndThenForgotten) {
  TicketKeys keys(TicketSecret::Draw(0));
  Call call;
  EXPECT_EQ(call.Do(keys, 10, true), 1);
  EXPECT_EQ(call.Do(keys, TicketKeys::kRotationSeconds - 1, false), 1);
  EXPECT_EQ(call.Do(keys, TicketKeys::kRotationSeconds, false), 2);
  EXPECT_EQ(call.Do(keys, 2 * TicketKeys::kRotationSeconds, false), 0);
}

TEST(TicketKeys, FileIsReadLineByLine) {
  const std::string line = std::string(64, 'A') + "\n";
  std::vector<TicketKeyBytes> keys;
  std::string error;
  EXPECT_FALSE(ParseTicketKeys({"keys", line + line}, &keys, &error));
  EXPECT_NE(error.find("at least 3"), std::string::npos) << error;
  EXPECT_FALSE(ParseTicketKeys({"keys", line + "x\n" + line}, &keys, &error));
  EXPECT_NE(error.find("line 2 of 'keys'"), std::string::npos) << error;
  const std::string longer = std::string(107, 'A') + "=\n";
  EXPECT_FALSE(ParseTicketKeys({"keys", line + longer}, &keys, &error));
  EXPECT_NE(error.find("another length"), std::string::npos) << error;
  const std::string last = std::string(64, 'B') + "\n";
  ASSERT_TRUE(ParseTicketKeys({"keys", last + line + line + last}, &keys, &error)) << error;
  ASSERT_EQ(keys.size(), 3u);
  TicketKeys unused(TicketSecret::Draw(0));
  Call call;
  EXPECT_EQ(call.Do(unused, 0, true, keys), 1);
  // The last but one: 64 letters A are 48 zero bytes.
  EXPECT_EQ(std::string(reinterpret_cast<char*>(call.name), 16), std::string(16, '\0'));
  std::memcpy(call.name, keys[2].data(), 16);
  EXPECT_EQ(call.Do(unused, 0, false, keys), 2);
}

}  // namespace
}  // namespace tls
