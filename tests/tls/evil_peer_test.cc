// A client that breaks the protocol in named ways: in its first flight, in its second, and once
// the connection is open. Whatever it does, the connection ends with a reason, gives no byte that
// was not sealed by the client, and leaves nothing behind.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/tls/link_world.h"

namespace tls {
namespace {

std::string Record(uint8_t type, std::string_view body, uint16_t version = 0x0303) {
  std::string record;
  record += char(type);
  record += char(version >> 8);
  record += char(version & 0xff);
  record += char(body.size() >> 8);
  record += char(body.size() & 0xff);
  return record + std::string(body);
}

std::string Times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string Flip(std::string text, size_t at) {
  if (at < text.size()) text[at] = char(text[at] ^ 0x20);
  return text;
}

// The records of `text`, each whole.
std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> records;
  for (size_t at = 0; at + 5 <= text.size();) {
    const size_t bytes = 5 + uint8_t(text[at + 3]) * 256u + uint8_t(text[at + 4]);
    records.push_back(text.substr(at, bytes));
    at += bytes;
  }
  return records;
}

struct Break {
  const char* name;
  // From what an honest client would send now, what this one sends.
  std::function<std::string(const std::string& honest)> make;
  bool ends_wire = false;  // and says no more
};

const std::vector<Break>& FirstFlight() {
  static const std::vector<Break> rows = {
      {"nothing", [](const std::string&) { return ""; }, true},
      {"half a header", [](const std::string& honest) { return honest.substr(0, 3); }, true},
      {"half a hello", [](const std::string& honest) { return honest.substr(0, 60); }, true},
      {"unknown type of record", [](const std::string&) { return Record(99, "hello"); }},
      {"unknown version of record", [](const std::string&) { return Record(22, "hello", 0x0909); }},
      {"data before the handshake", [](const std::string&) { return Record(23, "hello"); }},
      {"plain HTTP", [](const std::string&) { return "GET / HTTP/1.1\r\n\r\n"; }},
      {"CONNECT to a proxy", [](const std::string&) { return "CONNECT a:443 HTTP/1.1\r\n\r\n"; }},
      {"SMTP", [](const std::string&) { return "EHLO example.com\r\n"; }},
      {"zeros", [](const std::string&) { return std::string(300, '\0'); }},
      {"a record too long",
       [](const std::string&) { return std::string("\x16\x03\x01\xff\xff", 5) + "xxxx"; }},
      {"empty records", [](const std::string&) { return Times(64, Record(22, "")); }},
      {"ChangeCipherSpec for ever",
       [](const std::string&) { return Times(64, Record(20, "\x01")); }},
      {"warnings for ever",
       [](const std::string&) { return Times(64, Record(21, std::string("\x01\x5a", 2))); }},
      {"a fatal alert", [](const std::string&) { return Record(21, "\x02\x28"); }},
      {"close_notify", [](const std::string&) { return Record(21, std::string("\x01\x00", 2)); }},
      {"an alert cut short", [](const std::string&) { return Record(21, "\x02"); }},
      {"a message too long",
       [](const std::string&) { return Record(22, std::string("\x01\xff\xff\xff", 4)); }},
      {"another message first",
       [](const std::string&) { return Record(22, std::string("\x0e\x00\x00\x00", 4)); }},
      {"an empty hello",
       [](const std::string&) { return Record(22, std::string("\x01\x00\x00\x00", 4)); }},
      {"garbage as extensions",
       [](const std::string& honest) {
         return honest.substr(0, honest.size() - 40) + std::string(40, '\xff');
       }},
      {"a hello of another length", [](const std::string& honest) { return Flip(honest, 8); },
       true},
      {"bytes behind the hello in its record",
       [](const std::string& honest) { return Record(22, honest.substr(5) + "\x01"); }, true},
      {"a heartbeat",
       [](const std::string&) { return Record(24, std::string("\x01\x40\x00", 3)); }},
  };
  return rows;
}

const std::vector<Break>& SecondFlight() {
  static const std::vector<Break> rows = {
      {"silence", [](const std::string&) { return ""; }, true},
      {"cut short", [](const std::string& h) { return h.substr(0, h.size() - 1); }, true},
      {"the last byte changed", [](const std::string& h) { return Flip(h, h.size() - 1); }},
      {"the type changed", [](const std::string& h) { return Flip(h, Split(h).front().size()); }},
      {"plain data in the middle", [](const std::string& h) { return Record(23, "hello") + h; }},
      {"a fatal alert", [](const std::string&) { return Record(21, "\x02\x28"); }},
      {"the same hello again", [](const std::string&) { return Record(22, "\x01\x00"); }, true},
      {"garbage", [](const std::string&) { return std::string(500, '\x5a'); }},
      {"records without end", [](const std::string&) { return Times(100, Record(20, "\x01")); },
       true},
  };
  return rows;
}

const std::vector<Break>& OpenData() {
  static const std::vector<Break> rows = {
      {"a changed byte", [](const std::string& h) { return Flip(h, h.size() - 5); }},
      {"a changed header", [](const std::string& h) { return Flip(h, 0); }},
      {"a record too long",
       [](const std::string& h) {
         std::string sent = h;
         sent[3] = sent[4] = '\xff';
         return sent;
       }},
      {"the same record twice", [](const std::string& h) { return Split(h)[0] + Split(h)[0]; }},
      {"records out of order", [](const std::string& h) { return Split(h)[1] + Split(h)[0]; }},
      {"a record left out", [](const std::string& h) { return Split(h)[1]; }},
      {"data that is not sealed",
       [](const std::string&) { return Record(23, "hello hello hello"); }},
      {"an alert that is not sealed", [](const std::string&) { return Record(21, "\x02\x28"); }},
      {"a hello that is not sealed",
       [](const std::string&) { return Record(22, std::string("\x01\x00\x00\x00", 4)); }},
      {"garbage", [](const std::string&) { return std::string(100, '\x77'); }},
      {"a record without its tag", [](const std::string&) { return Record(23, "x"); }},
      {"a record cut short", [](const std::string& h) { return h.substr(0, h.size() - 1); }, true},
      {"a header cut short", [](const std::string& h) { return h.substr(0, 4); }, true},
      {"an end without goodbye", [](const std::string&) { return ""; }, true},
      {"empty records for ever", [](const std::string&) { return Times(64, Record(23, "")); }},
  };
  return rows;
}

class EvilPeer : public LinkTest {
 protected:
  // Ends what is left of a connection, and holds that nothing is.
  void Finish(const char* name) {
    if (!gone()) connection_->Abort();
    world_->RunFor(10);
    EXPECT_TRUE(gone()) << name;
    EXPECT_EQ(tls_->links(), 0u) << name;
    EXPECT_EQ(world_->slices.in_use(), 0u) << name;
    peer_.reset();
  }
  void SendBroken(const Break& row, const std::string& honest) {
    peer_->Write(row.make(honest));
    if (row.ends_wire) peer_->CloseWrite();
    world_->RunFor(5);
  }
};

TEST_F(EvilPeer, FirstFlightIsRefused) {
  for (const Break& row : FirstFlight()) {
    SCOPED_TRACE(row.name);
    Open();
    TlsClient client;
    SendBroken(row, client.Step(""));
    const std::string heard = hearer_.Take();
    EXPECT_NE(heard.find("closed:tls_"), std::string::npos) << heard;
    EXPECT_EQ(heard.find("connected"), std::string::npos);
    Finish(row.name);
  }
}

TEST_F(EvilPeer, SecondFlightIsRefused) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Break& row : SecondFlight()) {
      SCOPED_TRACE(std::string(row.name) + (version == TLS1_2_VERSION ? " in 1.2" : " in 1.3"));
      Open();
      TlsClient client(version);
      peer_->Write(client.Step(""));
      world_->Settle();
      SendBroken(row, client.Step(peer_->Read()));
      const std::string heard = hearer_.Take();
      EXPECT_NE(heard.find("closed:tls_"), std::string::npos) << heard;
      EXPECT_EQ(heard.find("connected"), std::string::npos);
      Finish(row.name);
    }
  }
}

TEST_F(EvilPeer, OpenConnectionGivesOnlyWhatWasSealed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Break& row : OpenData()) {
      SCOPED_TRACE(std::string(row.name) + (version == TLS1_2_VERSION ? " in 1.2" : " in 1.3"));
      Open();
      TlsClient client(version);
      Shake(client);
      ASSERT_TRUE(client.done());
      hearer_.Take();
      connection_->WantRecv(true);
      std::string honest = client.Seal("first");
      honest += client.Seal("other");
      SendBroken(row, honest);
      std::string got;
      for (int i = 0; i < 5; ++i) {
        if (!gone()) got += Received();
        world_->Settle();
      }
      const std::string heard = hearer_.Take();
      const bool failed = heard.find("closed:tls_") != std::string::npos;
      const bool ended = !gone() && connection_->read_ended() && connection_->truncated();
      EXPECT_TRUE(failed || ended) << heard << (connection_->read_ended() ? " ended" : "");
      EXPECT_TRUE(std::string("firstother").starts_with(got)) << got;
      Finish(row.name);
    }
  }
}

TEST_F(EvilPeer, BytesBehindTheGoodbyeAreNotRead) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  std::string sealed = client.Seal("last");
  sealed += client.Close();
  peer_->Write(sealed + std::string(200, 'x'));
  world_->Settle();
  EXPECT_EQ(Received(), "last");
  EXPECT_EQ(Received(), "");
  EXPECT_TRUE(connection_->read_ended());
  EXPECT_FALSE(connection_->truncated());
  Finish("behind the goodbye");
}

TEST_F(EvilPeer, KeyUpdatesForEverAreRefused) {
  Open();
  TlsClient client(TLS1_3_VERSION);
  Shake(client);
  hearer_.Take();
  connection_->WantRecv(true);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    const std::string sealed = client.Seal("");
    std::string text = client.Pending();
    SSL_write(client.ssl(), "", 0);
    peer_->Write(sealed + text + client.Pending());
  }
  world_->Settle();
  EXPECT_EQ(Received(), "");
  world_->Settle();
  EXPECT_NE(hearer_.Take().find("closed:tls_fatal"), std::string::npos);
  Finish("key updates");
}

TEST_F(EvilPeer, RandomChangesNeverGiveOtherBytes) {
  std::mt19937 random(20261127);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    Open();
    TlsClient client(round % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    connection_->WantRecv(true);
    const int broken_flight = round % 3;
    std::string got;
    for (int flight = 0; flight < 4; ++flight) {
      std::string to_send = client.Step(peer_->Read());
      if (flight >= 2 && client.done()) to_send += client.Seal("plain text of the client");
      if (flight >= broken_flight && !to_send.empty()) {
        to_send[random() % to_send.size()] ^= char(1 << random() % 8);
      }
      peer_->Write(to_send);
      world_->Settle();
      if (gone()) break;
      if (connection_->state() == shard::Connection::State::kOpen) got += Received();
    }
    for (size_t at = 0; at < got.size(); at += 24) {
      EXPECT_TRUE(std::string("plain text of the client").starts_with(got.substr(at, 24))) << got;
    }
    Finish("random");
    hearer_.Take();
  }
}

}  // namespace
}  // namespace tls
