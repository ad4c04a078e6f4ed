// OCSP responses are read as far as they are whole, and nothing else is taken for one.

#include "proto/tls/ocsp_view.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

std::string Der(uint8_t tag, std::string_view body) {
  std::string der(1, char(tag));
  if (body.size() < 128) {
    der += char(body.size());
  } else {
    der += char(0x82);
    der += char(body.size() >> 8);
    der += char(body.size() & 0xff);
  }
  return der + std::string(body);
}

const std::string kSha1 = Der(0x06, "\x2b\x0e\x03\x02\x1a");
const std::string kFrom = Der(0x18, "20260101000000Z");
const std::string kUntil = Der(0xa0, Der(0x18, "20260108000000Z"));

std::string Answer(const std::string& status, const std::string& until = kUntil,
                   const std::string& from = kFrom) {
  const std::string id = Der(0x30, Der(0x30, kSha1) + Der(0x04, "name") + Der(0x04, "key") +
                                       Der(0x02, std::string("\0\x81", 2)));
  return Der(0x30, id + status + from + until);
}

std::string Response(const std::string& answers, const std::string& version = "") {
  const std::string data =
      Der(0x30, version + Der(0xa2, Der(0x04, "who")) + kFrom + Der(0x30, answers));
  const std::string basic = Der(0x30, data + Der(0x30, kSha1) + Der(0x03, "signature"));
  const std::string kind = Der(0x06, "\x2b\x06\x01\x05\x05\x07\x30\x01\x01");
  return Der(0x30, Der(0x0a, std::string(1, '\0')) + Der(0xa0, Der(0x30, kind + Der(0x04, basic))));
}

const std::string kGood = Der(0x80, "");

TEST(OcspView, TheAnswerIsTaken) {
  for (const std::string& version : {std::string(), Der(0xa0, Der(0x02, std::string(1, '\0')))}) {
    OcspView view;
    const std::string der = Response(Answer(kGood), version);
    ASSERT_TRUE(ReadOcspResponse(der, &view));
    EXPECT_EQ(view.status, 0);
    OcspAnswer answer;
    ASSERT_TRUE(NextOcspAnswer(view.answers, &answer));
    EXPECT_EQ(answer.hash, "\x2b\x0e\x03\x02\x1a");
    EXPECT_EQ(answer.issuer_name, "name");
    EXPECT_EQ(answer.issuer_key, "key");
    EXPECT_EQ(answer.serial, "\x81");
    EXPECT_EQ(answer.status, OcspStatus::kGood);
    EXPECT_EQ(answer.this_update_s, 1767225600);
    EXPECT_EQ(answer.next_update_s, 1767225600 + 7 * 86400);
    EXPECT_FALSE(NextOcspAnswer(view.answers, &answer));
    EXPECT_TRUE(view.answers.rest.empty());
  }
}

TEST(OcspView, StatesAreTold) {
  const std::string revoked = Der(0xa1, kFrom);
  const std::pair<std::string, OcspStatus> rows[] = {{kGood, OcspStatus::kGood},
                                                     {revoked, OcspStatus::kRevoked},
                                                     {Der(0x82, ""), OcspStatus::kUnknown}};
  std::string all;
  for (const auto& row : rows) all += Answer(row.first, "");
  OcspView view;
  const std::string der = Response(all);
  ASSERT_TRUE(ReadOcspResponse(der, &view));
  OcspAnswer answer;
  for (const auto& row : rows) {
    ASSERT_TRUE(NextOcspAnswer(view.answers, &answer));
    EXPECT_EQ(answer.status, row.second);
    EXPECT_EQ(answer.next_update_s, 0);
  }
}

TEST(OcspView, ARefusalHasNoAnswers) {
  OcspView view;
  ASSERT_TRUE(ReadOcspResponse(Der(0x30, Der(0x0a, "\x03")), &view));
  EXPECT_EQ(view.status, 3);
  EXPECT_TRUE(view.answers.rest.empty());
}

TEST(OcspView, WhatIsCutIsRefused) {
  const std::string whole = Response(Answer(kGood));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    OcspView view;
    EXPECT_FALSE(ReadOcspResponse(whole.substr(0, bytes), &view)) << bytes;
  }
  OcspView view;
  EXPECT_FALSE(ReadOcspResponse(whole + "x", &view));
}

TEST(OcspView, BrokenAnswersStandStill) {
  const std::string rows[] = {Der(0x30, ""),
                              "x",
                              Answer(Der(0x83, "")),
                              Answer(kGood, Der(0xa0, "")),
                              Answer(kGood, "", Der(0x18, "2026010100Z")),
                              Answer(kGood, "", Der(0x17, "20260101000000Z"))};
  for (const std::string& row : rows) {
    OcspView view;
    const std::string der = Response(row);
    ASSERT_TRUE(ReadOcspResponse(der, &view));
    OcspAnswer answer;
    EXPECT_FALSE(NextOcspAnswer(view.answers, &answer));
    EXPECT_EQ(view.answers.rest, row);
  }
}

TEST(OcspView, TimesAreThoseOfTheCalendar) {
  const std::pair<const char*, int64_t> good[] = {{"19700101000000Z", 0},
                                                  {"20000229123456Z", 951827696},
                                                  {"20240301000000Z", 1709251200},
                                                  {"21000301000000Z", 4107542400},
                                                  {"19691231235959Z", -1}};
  for (const auto& row : good) {
    int64_t seconds = 0;
    EXPECT_TRUE(ReadGeneralizedTime(row.first, &seconds)) << row.first;
    EXPECT_EQ(seconds, row.second) << row.first;
  }
  for (const char* bad :
       {"", "20260101000000", "20261301000000Z", "20260100000000Z", "20260101240000Z",
        "20260101006000Z", "2026010100000xZ", "20260101000000.5Z", "20260101000000+0100"}) {
    int64_t seconds = 0;
    EXPECT_FALSE(ReadGeneralizedTime(bad, &seconds)) << bad;
  }
}

}  // namespace
}  // namespace proto
