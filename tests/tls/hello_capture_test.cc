// What is kept of a ClientHello is what its sender has said, as far as the setting lets it.

#include "tls/hello_capture.h"

#include <gtest/gtest.h>

#include "tests/tls/link_world.h"

namespace tls {
namespace {

using List = HelloCapture::List;

class HelloCaptureTest : public LinkTest {
 protected:
  const HelloCapture* Capture(uint32_t bytes) {
    Options options;
    options.capture_bytes = bytes;
    Open({}, options);
    TlsClient client;
    SSL_set_tlsext_host_name(client.ssl(), "localhost");
    Shake(client);
    EXPECT_TRUE(client.done());
    return Link::Of(*connection_)->hello();
  }
  void TearDown() override { connection_->Abort(); }
};

TEST_F(HelloCaptureTest, EveryListIsThere) {
  const HelloCapture* hello = Capture(4096);
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->version(), TLS1_2_VERSION) << "the one of TLS 1.3's hello, too";
  for (const List list :
       {List::kCiphers, List::kExtensions, List::kCurves, List::kSignatures, List::kVersions}) {
    EXPECT_GE(hello->list(list).size(), 2u);
    EXPECT_EQ(hello->list(list).size() % 2, 0u);
  }
  EXPECT_EQ(hello->list(List::kFormats), std::string_view("\0", 1));
  EXPECT_NE(hello->list(List::kCiphers).find("\x13\x01"), std::string_view::npos);
  EXPECT_NE(hello->list(List::kVersions).find("\x03\x04"), std::string_view::npos);
  EXPECT_NE(hello->ciphers_hash(), 0u);
}

TEST_F(HelloCaptureTest, WhatDoesNotFitIsLeftOutWhole) {
  const HelloCapture* hello = Capture(5);
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->list(List::kCiphers).size(), 4u);
  EXPECT_EQ(hello->list(List::kExtensions).size(), 0u);
  EXPECT_EQ(hello->list(List::kFormats).size(), 1u) << "of one byte";
  EXPECT_EQ(hello->list(List::kVersions).size(), 0u);
}

TEST_F(HelloCaptureTest, NothingIsKeptWithoutTheSetting) { EXPECT_EQ(Capture(0), nullptr); }

TEST(Grease, MeansNothing) {
  for (unsigned i = 0; i < 16; ++i)
    EXPECT_TRUE(IsGrease(uint16_t(i << 12 | 0x0a00 | i << 4 | 0x0a)));
  for (const uint16_t value : {0x1301, 0xc02b, 0x0a1a, 0x0a0b, 0xaaab, 0x0000}) {
    EXPECT_FALSE(IsGrease(value)) << value;
  }
}

}  // namespace
}  // namespace tls
