// The cookies of requests and responses, without a stream around them.

#include "engine/session/persistence.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proto/http/cookie.h"

namespace engine {
namespace {

using proto::FieldName;

constexpr uint64_t kNow = 1795810676;  // "awnld"

class PersistenceTest : public testing::Test {
 protected:
  PersistenceTest() {
    backend_.http.cookie.name = "S";
    backend_.http.cookie.attributes = "; path=/";
  }
  CookieConfig& cookie() { return backend_.http.cookie; }
  void Insert(bool indirect = false) {
    cookie().mode = CookieMode::kInsert;
    cookie().indirect = indirect;
  }

  // Servers 0, 1, 2 have s0, s1, s1; 3 has none.
  Persistence Read(const std::vector<std::string>& cookies, std::vector<uint32_t> down = {}) {
    request_ = std::make_unique<proto::RequestHead>(arena_);
    for (const std::string& one : cookies) {
      EXPECT_TRUE(request_->fields.CopyAdd("cookie", one));
    }
    Persistence persistence;
    const auto is_usable = [&](uint32_t server) {
      return std::find(down.begin(), down.end(), server) == down.end();
    };
    persistence.ReadRequest(backend_, {table_, is_usable, backend_.persist, false, ignores_}, kNow,
                            request_->fields);
    return persistence;
  }
  std::string RequestCookies() const { return Joined(request_->fields, FieldName::kCookie); }

  // What the client gets of the fields that the server has sent.
  std::string Answer(Persistence& persistence, uint32_t server,
                     const std::vector<std::string>& set_cookies = {},
                     proto::Method method = proto::Method::kGet) {
    response_ = std::make_unique<proto::ResponseHead>(arena_, fields_max_);
    response_->status = 200;
    for (const std::string& one : set_cookies) {
      EXPECT_TRUE(response_->fields.CopyAdd("set-cookie", one));
    }
    persistence.EditResponse(backend_, table_.ValueOf(server), kNow, method, *response_);
    return Joined(response_->fields, FieldName::kSetCookie);
  }
  static std::string Letters(const Persistence& persistence) {
    return {persistence.request_letter(), persistence.response_letter()};
  }
  static std::string Joined(const proto::FieldList& fields, FieldName name) {
    std::string text;
    for (const proto::Field* field = fields.Find(name); field; field = fields.FindNext(field)) {
      text += (text.empty() ? "" : " | ") + std::string(field->value());
    }
    return text;
  }

  base::Arena arena_;
  ProxyConfig backend_;
  bool ignores_ = false;
  CookieTable table_{{"s0", "s1", "s1", ""}};
  uint32_t fields_max_ = 100;
  std::unique_ptr<proto::RequestHead> request_;
  std::unique_ptr<proto::ResponseHead> response_;
};

TEST_F(PersistenceTest, WithoutCookieNothingApplies) {
  cookie().name.clear();
  Persistence persistence = Read({"S=s0"});
  EXPECT_EQ(persistence.server(), -1);
  EXPECT_EQ(Answer(persistence, 0, {"S=x"}), "S=x");
  EXPECT_EQ(Letters(persistence), "--");
}

TEST_F(PersistenceTest, TheCookieNamesTheServer) {
  struct Row {
    const char* name;
    std::vector<std::string> cookies;
    int server;
    char letter;
  };
  const Row rows[] = {
      {"none", {}, -1, 'N'},
      {"others only", {"a=1; SS=s0"}, -1, 'N'},
      {"plain", {"S=s0"}, 0, 'V'},
      {"first of two servers", {"S=s1"}, 1, 'V'},
      {"unknown", {"S=s9"}, -1, 'I'},
      {"empty", {"S="}, -1, 'I'},
      {"no '='", {"S"}, -1, 'N'},
      {"other case of the name", {"s=s0"}, -1, 'N'},
      {"other case of the value", {"S=S0"}, -1, 'I'},
      {"among others", {"a=1; S=s0; b=2"}, 0, 'V'},
      {"in the second field", {"a=1", "b=2; S=s0"}, 0, 'V'},
      {"the first good one counts", {"S=s9; S=s0; S=s1"}, 0, 'V'},
      {"the first good one of several fields", {"S=s9", "S=s0", "S=s1"}, 0, 'V'},
      {"quotes are part of the value", {"S=\"s0\""}, -1, 'I'},
      {"blanks around", {" S = s0 ;a=1"}, 0, 'V'},
      {"comma is part of the value", {"S=s0,a=1"}, -1, 'I'},
      {"bytes above 127", {"S=s0\xff"}, -1, 'I'},
      {"inside of another's quotes", {"a=\"; S=s0\""}, -1, 'N'},
      {"a prefix is none here", {"S=s0~x"}, -1, 'I'},
      {"dates of another time", {"S=s0|awnld"}, 0, 'V'},
      {"a date that is none", {"S=s0|x"}, 0, 'V'},
      {"long", {"S=" + std::string(15000, 's')}, -1, 'I'},
  };
  for (const CookieMode mode : {CookieMode::kObserved, CookieMode::kInsert, CookieMode::kRewrite}) {
    cookie().mode = mode;
    for (const Row& row : rows) {
      const Persistence persistence = Read(row.cookies);
      EXPECT_EQ(persistence.server(), row.server) << row.name;
      EXPECT_EQ(persistence.request_letter(), row.letter) << row.name;
      std::string all;
      for (const std::string& one : row.cookies) all += (all.empty() ? "" : " | ") + one;
      EXPECT_EQ(RequestCookies(), all) << row.name;
    }
  }
}

TEST_F(PersistenceTest, AServerThatIsDownIsPassedOver) {
  Insert();
  EXPECT_EQ(Read({"S=s0"}, {0}).server(), -1);
  EXPECT_EQ(Read({"S=s0"}, {0}).request_letter(), 'D');
  EXPECT_EQ(Read({"S=s1"}, {1}).server(), 2) << "the first one that can be used";
  EXPECT_EQ(Read({"S=s1"}, {1}).request_letter(), 'V');
  EXPECT_EQ(Read({"S=s1"}, {1, 2}).server(), -1);
  EXPECT_EQ(Read({"S=s0; S=s1"}, {0}).server(), 1);
}

TEST_F(PersistenceTest, OptionPersistTakesTheDeadServer) {
  Insert();
  backend_.persist = true;
  Persistence persistence = Read({"S=s0"}, {0});
  EXPECT_EQ(persistence.server(), 0);
  EXPECT_TRUE(persistence.is_forced());
  EXPECT_EQ(Answer(persistence, 0), "");
  EXPECT_EQ(Letters(persistence), "DN");
  EXPECT_EQ(Read({"S=s1"}, {1}).server(), 1) << "as haproxy 2.6: the first of that name";
  EXPECT_TRUE(Read({"S=s0"}).is_forced()) << "it may go down while the request waits";
  EXPECT_FALSE(Read({"S=s0"}).stays());
  backend_.persist = false;
  EXPECT_FALSE(Read({"S=s0"}).is_forced());
}

TEST_F(PersistenceTest, WhoIgnoresPersistenceGetsNoCookie) {
  Insert();
  ignores_ = true;
  for (const char* cookie : {"S=s0", "S=nobody"}) {
    Persistence persistence = Read({cookie});
    EXPECT_EQ(persistence.server(), -1);
    EXPECT_EQ(Answer(persistence, 1), "");
  }
  Persistence newcomer = Read({});
  EXPECT_EQ(Answer(newcomer, 1), "");
}

TEST_F(PersistenceTest, BrokenPersistenceIsSetAnew) {
  Insert();
  Persistence persistence = Read({"S=s0"});
  persistence.Break();
  EXPECT_EQ(persistence.server(), -1);
  EXPECT_EQ(Answer(persistence, 1), "S=s1; path=/");
  EXPECT_EQ(Letters(persistence), "DI");
  Persistence without = Read({});
  without.Break();
  EXPECT_EQ(without.request_letter(), 'N') << "there was nothing to break";
}

TEST_F(PersistenceTest, InsertSetsItOnce) {
  Insert();
  Persistence fresh = Read({"a=1"});
  EXPECT_EQ(Answer(fresh, 1), "S=s1; path=/");
  EXPECT_EQ(Letters(fresh), "NI");
  Persistence known = Read({"S=s1"});
  EXPECT_EQ(Answer(known, 1), "");
  EXPECT_EQ(Letters(known), "VN");
  Persistence invalid = Read({"S=s9"});
  EXPECT_EQ(Answer(invalid, 0), "S=s0; path=/");
  EXPECT_EQ(Letters(invalid), "II");
}

TEST_F(PersistenceTest, InsertForgetsForAServerWithoutCookie) {
  Insert();
  Persistence persistence = Read({"S=s9"});
  EXPECT_EQ(Answer(persistence, 3), "S=; Expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/");
}

TEST_F(PersistenceTest, InsertReplacesTheServersOwn) {
  Insert();
  Persistence fresh = Read({});
  EXPECT_EQ(Answer(fresh, 0, {"a=1", "S=x; Path=/y", "S=z", "S", "b=2, S=3"}),
            "a=1 | S | b=2, S=3 | S=s0; path=/");
  EXPECT_EQ(Letters(fresh), "NI");
  Persistence known = Read({"S=s0"});
  EXPECT_EQ(Answer(known, 0, {"S=x", "a=1"}), "a=1");
  EXPECT_EQ(Letters(known), "VD");
}

TEST_F(PersistenceTest, IndirectHidesItFromTheServer) {
  Insert(true);
  Read({"S=s0"});
  EXPECT_EQ(RequestCookies(), "");
  Read({"a=1; S=s9; b=2", "S=s0", "c=3; S=s1"});
  EXPECT_EQ(RequestCookies(), "a=1; b=2 | c=3");
  Read({"a=1;b=2"});
  EXPECT_EQ(RequestCookies(), "a=1;b=2") << "what has no such cookie is not touched";
}

TEST_F(PersistenceTest, IndirectAloneKeepsTheServersForThoseWhoHaveNone) {
  cookie().indirect = true;
  Persistence fresh = Read({"a=1"});
  EXPECT_EQ(Answer(fresh, 0, {"S=s0"}), "S=s0");
  EXPECT_EQ(Letters(fresh), "NP");
  Persistence known = Read({"S=s0"});
  EXPECT_EQ(RequestCookies(), "S=s0");
  EXPECT_EQ(Answer(known, 0, {"S=x"}), "");
  EXPECT_EQ(Letters(known), "VD");
}

TEST_F(PersistenceTest, PreserveLeavesTheServersOwn) {
  Insert(true);
  cookie().preserve = true;
  Persistence fresh = Read({});
  EXPECT_EQ(Answer(fresh, 0, {"S=; Max-Age=0"}), "S=; Max-Age=0");
  EXPECT_EQ(Letters(fresh), "NP");
  Persistence known = Read({"S=s0"});
  EXPECT_EQ(Answer(known, 0, {"S="}), "S=");
  EXPECT_EQ(Letters(known), "VP");
  Persistence silent = Read({});
  EXPECT_EQ(Answer(silent, 0, {"a=1"}), "a=1 | S=s0; path=/");
}

TEST_F(PersistenceTest, RewriteTakesTheServersPlace) {
  cookie().mode = CookieMode::kRewrite;
  Persistence fresh = Read({});
  EXPECT_EQ(Answer(fresh, 0, {"a=S", "S=x; Path=/", "S=", "s=x"}),
            "a=S | S=s0; Path=/ | S=s0 | s=x");
  EXPECT_EQ(Letters(fresh), "NR");
  Persistence silent = Read({});
  EXPECT_EQ(Answer(silent, 0), "") << "the application decides when";
  EXPECT_EQ(Letters(silent), "NN");
  Persistence none = Read({});
  EXPECT_EQ(Answer(none, 3, {"S=x"}), "S=x");
  EXPECT_EQ(Letters(none), "NP");
}

TEST_F(PersistenceTest, PrefixStandsBeforeTheApplicationsValue) {
  cookie().mode = CookieMode::kPrefix;
  Persistence fresh = Read({});
  EXPECT_EQ(Answer(fresh, 0, {"S=x; Path=/", "S="}), "S=s0~x; Path=/ | S=s0~");
  EXPECT_EQ(Letters(fresh), "NR");
  Persistence known = Read({"a=1~2; S=s1~x~y; b=3", "S=s9~z"});
  EXPECT_EQ(known.server(), 1);
  EXPECT_EQ(RequestCookies(), "a=1~2; S=x~y; b=3 | S=z");
  EXPECT_EQ(Read({"S=s1"}).server(), 1) << "nothing of the application's";
  EXPECT_EQ(RequestCookies(), "S=s1");
  EXPECT_EQ(Read({"S=~s1"}).server(), -1);
  EXPECT_EQ(RequestCookies(), "S=s1");
  Persistence none = Read({"S=s1~x"});
  EXPECT_EQ(Answer(none, 3, {"S=x"}), "S=x");
  EXPECT_EQ(Letters(none), "VP");
}

TEST_F(PersistenceTest, PostOnlyWaitsForAPost) {
  Insert();
  cookie().post_only = true;
  Persistence get = Read({});
  EXPECT_EQ(Answer(get, 0, {"S=x"}), "");
  EXPECT_EQ(Letters(get), "ND");
  Persistence post = Read({});
  EXPECT_EQ(Answer(post, 0, {}, proto::Method::kPost), "S=s0; path=/");
  EXPECT_EQ(Letters(post), "NI");
}

TEST_F(PersistenceTest, NoCacheHidesAnswersWithTheCookie) {
  Insert();
  cookie().no_cache = true;
  Persistence fresh = Read({});
  Answer(fresh, 0);
  EXPECT_EQ(response_->fields.ValueOf(FieldName::kCacheControl), "private");
  Persistence known = Read({"S=s0"});
  Answer(known, 0);
  EXPECT_FALSE(response_->fields.Has(FieldName::kCacheControl)) << "no cookie, nothing to hide";
  Persistence post = Read({});
  Answer(post, 0, {}, proto::Method::kPost);
  EXPECT_FALSE(response_->fields.Has(FieldName::kCacheControl)) << "nobody caches it";
}

TEST_F(PersistenceTest, WithoutRoomForBothFieldsNoneIsSent) {
  Insert();
  fields_max_ = 2;
  Persistence one = Read({});
  EXPECT_EQ(Answer(one, 0, {"a=1"}), "a=1 | S=s0; path=/");
  Persistence full = Read({});
  EXPECT_EQ(Answer(full, 0, {"a=1", "b=2"}), "a=1 | b=2");
  EXPECT_EQ(Letters(full), "NN");
  cookie().no_cache = true;
  Persistence hidden = Read({});
  EXPECT_EQ(Answer(hidden, 0, {"a=1"}), "a=1");
  EXPECT_FALSE(response_->fields.Has(FieldName::kCacheControl));
}

TEST_F(PersistenceTest, DatesAreSetAndRefreshed) {
  struct Row {
    const char* name;
    uint32_t max_idle_s;
    uint32_t max_life_s;
    const char* cookie;
    const char* set;
    const char* letters;
  };
  // "awnld" is now, "awnlc" four seconds before, "awmld" four hours and a half, "awtFB" a day and
  // more after.
  const Row rows[] = {
      {"idle, fresh", 100, 0, "", "S=s0|awnld; path=/", "NI"},
      {"idle, no date", 100, 0, "S=s0", "S=s0|awnld; path=/", "VU"},
      {"idle, bad date", 100, 0, "S=s0|x", "S=s0|awnld; path=/", "VU"},
      {"idle, of now", 100, 0, "S=s0|awnld", "", "VN"},
      {"idle, of before", 100, 0, "S=s0|awnlc", "S=s0|awnld; path=/", "VU"},
      {"idle, of later", 100, 0, "S=s0|awnle", "S=s0|awnld; path=/", "VU"},
      {"idle, too old", 100, 0, "S=s0|awmld", "S=s0|awnld; path=/", "EI"},
      {"idle, far in the future", 100, 0, "S=s0|awtFB", "S=s0|awnld; path=/", "EI"},
      {"idle, unknown server", 100, 0, "S=s9|awnld", "S=s0|awnld; path=/", "II"},
      {"life, fresh", 0, 100, "", "S=s0|awnld|awnld; path=/", "NI"},
      {"life, no date", 0, 100, "S=s0", "S=s0|awnld|awnld; path=/", "VU"},
      {"life, no first date", 0, 100, "S=s0|awnlc", "S=s0|awnld|awnld; path=/", "VU"},
      {"life, of before", 0, 100, "S=s0|awnlc|awnlc", "", "VN"},
      {"life, last date is not looked at", 0, 100, "S=s0|awmld|awnlc", "", "VN"},
      {"life, too old", 0, 100, "S=s0|awnld|awmld", "S=s0|awnld|awnld; path=/", "OI"},
      {"life, far in the future", 0, 100, "S=s0|awnld|awtFB", "S=s0|awnld|awnld; path=/", "OI"},
      {"both, of before", 100, 100, "S=s0|awnlc|awnlb", "S=s0|awnld|awnlb; path=/", "VU"},
      {"both, of now", 100, 100, "S=s0|awnld|awnlb", "", "VN"},
      {"both, idle for too long", 100, 90000, "S=s0|awmld|awmld", "S=s0|awnld|awnld; path=/", "EI"},
      {"both, too old", 100, 100, "S=s0|awnld|awmld", "S=s0|awnld|awnld; path=/", "OI"},
      {"no dates any more", 0, 0, "S=s0|awmld|awmld", "S=s0; path=/", "VU"},
      {"no dates any more, bad date", 0, 0, "S=s0|x", "", "VN"},
  };
  Insert();
  for (const Row& row : rows) {
    cookie().max_idle_s = row.max_idle_s;
    cookie().max_life_s = row.max_life_s;
    Persistence persistence = Read(*row.cookie == '\0' ? std::vector<std::string>()
                                                       : std::vector{std::string(row.cookie)});
    EXPECT_EQ(Answer(persistence, 0), row.set) << row.name;
    EXPECT_EQ(Letters(persistence), row.letters) << row.name;
  }
}

TEST_F(PersistenceTest, AnotherServersCookieBeginsANewLife) {
  Insert();
  cookie().max_life_s = 100;
  Persistence persistence = Read({"S=s0|awnlc|awnlc"});
  persistence.Break();
  EXPECT_EQ(Answer(persistence, 1), "S=s1|awnld|awnld; path=/");
  EXPECT_EQ(Letters(persistence), "DI");
}

TEST_F(PersistenceTest, DatesAreForInsertedCookiesOnly) {
  cookie().mode = CookieMode::kRewrite;
  cookie().max_idle_s = cookie().max_life_s = 100;
  Persistence persistence = Read({"S=s0"});
  EXPECT_EQ(persistence.server(), 0);
  EXPECT_EQ(Answer(persistence, 0, {"S=x"}), "S=s0");
  EXPECT_EQ(Answer(persistence, 0), "");
}

}  // namespace
}  // namespace engine
