#include "tests/simulation/peer.h"

#include <cstring>

namespace simulation {

Manner MannerOf(bool orderly, Dice& dice) {
  if (orderly || dice.OneIn(2)) return Manner::kOrderly;
  return dice.Of({Manner::kOrderly, Manner::kCloses, Manner::kResets, Manner::kStalls});
}

Peer::Peer(Journal& journal, std::string name, std::unique_ptr<tests::FakePeer> wire, Manner manner,
           size_t room_min, Dice& dice)
    : journal_(journal),
      name_(std::move(name)),
      wire_(std::move(wire)),
      manner_(manner),
      quits_after_(manner == Manner::kOrderly ? SIZE_MAX
                   : dice.OneIn(3)            ? 0
                                              : dice.Below(4000)) {
  const auto room = [&] { return room_min + dice.Below(dice.OneIn(2) ? 2000 : 60000); };
  const size_t to_ring = room();
  wire_->SetCapacity(to_ring, room());
}

void Peer::Act(Dice& dice) {
  if (gone_) return;
  if (written_ + read_ >= quits_after_ && dice.OneIn(3)) {
    if (manner_ == Manner::kStalls) return;
    return Hangup(manner_ == Manner::kResets);
  }
  if (manner_ == Manner::kStalls && written_ + read_ >= quits_after_) return;
  DoAct(dice);
}

void Peer::Hangup(bool reset) {
  if (gone_) return;
  journal_.Note("  %s %s", name_.c_str(), reset ? "resets" : "closes");
  OnHangup(reset);
  reset ? wire_->Reset() : wire_->Close();
  gone_ = true;
}

size_t Peer::Write(std::string_view text) {
  if (write_closed_ || text.empty()) return 0;
  const size_t wrote = wire_->Write(text);
  written_ += wrote;
  if (wrote > 0) journal_.Note("  %s writes %zu of %zu", name_.c_str(), wrote, text.size());
  return wrote;
}

std::string Peer::Read(size_t max) {
  std::string bytes = wire_->Read(max);
  read_ += bytes.size();
  if (!bytes.empty()) journal_.Note("  %s reads %zu", name_.c_str(), bytes.size());
  return bytes;
}

void Peer::CloseWrite() {
  if (write_closed_) return;
  journal_.Note("  %s ends its writing", name_.c_str());
  write_closed_ = true;
  wire_->CloseWrite();
}

void Peer::Finish(bool well) {
  finished_ = well;
  Hangup(false);
}

// ---- PROXY headers ----------------------------------------------------------------------------

namespace {

constexpr char kSignature[] = "\r\n\r\n\0\r\nQUIT\n";
constexpr size_t kSignatureBytes = 12;
constexpr size_t kV2Bytes = 16;
constexpr size_t kV2Ipv4Bytes = 12;  // and no TLVs

}  // namespace

std::string ProxyHeaderOf(int version, uint16_t client_port) {
  if (version == 1) {
    return "PROXY TCP4 10.1.2.3 10.4.5.6 " + std::to_string(client_port) + " 80\r\n";
  }
  std::string header(kSignature, kSignatureBytes);
  const unsigned char rest[] = {
      0x21, 0x11, 0, 12, 10, 1, 2, 3, 10, 4, 5, 6, uint8_t(client_port >> 8), uint8_t(client_port),
      0,    80};
  return header.append(reinterpret_cast<const char*>(rest), sizeof(rest));
}

int TakeProxyHeader(int version, std::string& bytes) {
  if (version == 1) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string::npos) return bytes.size() > 107 ? -1 : 0;
    const std::string line = bytes.substr(0, end);
    bytes.erase(0, end + 2);
    if (line == "PROXY UNKNOWN") return kNotTold;
    unsigned port = 0;
    return std::sscanf(line.c_str(), "PROXY TCP4 %*s %*s %u", &port) == 1 ? int(port) : -1;
  }
  const std::string_view signature(kSignature, kSignatureBytes);
  if (signature.substr(0, bytes.size()) != std::string_view(bytes).substr(0, kSignatureBytes)) {
    return -1;
  }
  if (bytes.size() < kV2Bytes) return 0;
  const size_t rest = size_t(uint8_t(bytes[14])) << 8 | uint8_t(bytes[15]);
  if ((bytes[12] & 0xf0) != 0x20) return -1;
  if (bytes.size() < kV2Bytes + rest) return 0;
  const bool told = bytes[12] == 0x21 && bytes[13] == 0x11 && rest == kV2Ipv4Bytes;
  const int port = told ? uint8_t(bytes[24]) << 8 | uint8_t(bytes[25]) : kNotTold;
  bytes.erase(0, kV2Bytes + rest);
  return port;
}

// ---- mode tcp ---------------------------------------------------------------------------------

namespace {

std::string NameOf(bool is_client, size_t number) {
  return (is_client ? "client " : "server ") + std::to_string(number);
}

}  // namespace

TcpPeer::TcpPeer(Journal& journal, TcpPeers& peers, std::unique_ptr<tests::FakePeer> wire,
                 Manner manner, Plan plan, Dice& dice)
    : Peer(journal, NameOf(plan.is_client, peers.size() + 1), std::move(wire), manner,
           plan.room_min, dice),
      peers_(peers),
      number_(uint16_t(peers.size() + 1)),
      plan_(std::move(plan)) {
  peers_.push_back(this);
}

// The first byte is the number; there are fewer peers than bytes have values.
std::string_view TcpPeer::TextAt(size_t at, size_t max) const {
  static const std::string numbers = [] {
    std::string all(256, 0);
    for (size_t i = 0; i < all.size(); ++i) all[i] = char(i);
    return all;
  }();
  if (at == 0 && max > 0) return std::string_view(numbers).substr(number_, 1);
  return TextOf(number_, at, max);
}

void TcpPeer::Take(std::string bytes) {
  if (plan_.announced_by != 0) {
    unread_ += bytes;
    const int port = TakeProxyHeader(plan_.announced_by, unread_);
    if (port < 0) return journal().Fail("%s: no PROXY header", name().c_str());
    if (port == 0) return;
    plan_.announced_by = 0;
    if (port != kNotTold) announced_ = uint16_t(port - PortOf(0));
    bytes = std::move(unread_);
  }
  if (bytes.empty()) return;
  if (from_ == nullptr) {
    const size_t from = uint8_t(bytes[0]);
    if (from == 0 || from > peers_.size() || peers_[from - 1]->plan_.is_client == plan_.is_client) {
      return journal().Fail("%s: got bytes that nobody wrote to it", name().c_str());
    }
    from_ = peers_[from - 1];
    if (from_->from_ != nullptr && from_->from_ != this) {
      return journal().Fail("%s: its bytes are %s's, whose peer is %s", name().c_str(),
                            from_->name().c_str(), from_->from_->name().c_str());
    }
    if (announced_ != 0 && announced_ != from) {
      return journal().Fail("%s: told of client %u, served %s", name().c_str(), announced_,
                            from_->name().c_str());
    }
  }
  if (got_ + bytes.size() > from_->said_) {
    return journal().Fail("%s: got %zu bytes of %s, which wrote %zu", name().c_str(),
                          got_ + bytes.size(), from_->name().c_str(), from_->said_);
  }
  for (size_t at = 0; at < bytes.size();) {
    const std::string_view expected = from_->TextAt(got_, bytes.size() - at);
    if (std::string_view(bytes).substr(at, expected.size()) != expected) {
      return journal().Fail("%s: what it got of %s is wrong from byte %zu on", name().c_str(),
                            from_->name().c_str(), got_);
    }
    at += expected.size();
    got_ += expected.size();
  }
}

// False: nothing is left to say.
bool TcpPeer::Speak(Dice& dice) {
  if (!plan_.header.empty()) {
    const size_t cut = dice.OneIn(4) ? dice.Below(plan_.header.size()) : plan_.header.size();
    plan_.header.erase(0, Write(std::string_view(plan_.header).substr(0, cut)));
    return true;
  }
  if (said_ == plan_.bytes) return false;
  size_t max = dice.Below(dice.OneIn(3) ? 60000 : 3000) + 1;
  while (max > 0 && said_ < plan_.bytes) {
    const std::string_view text = TextAt(said_, std::min(max, plan_.bytes - said_));
    const size_t wrote = Write(text);
    said_ += wrote;
    max -= wrote;
    if (wrote < text.size()) break;
  }
  return true;
}

void TcpPeer::DoAct(Dice& dice) {
  if (!dice.OneIn(3)) {
    std::string bytes = Read(dice.OneIn(3) ? SIZE_MAX : dice.Below(4000));
    if (!bytes.empty()) Take(std::move(bytes));
  }
  if (!dice.OneIn(3) && (WasReset() || !Speak(dice))) CloseWrite();
  if (AtEnd() && (WasReset() || (said_ == plan_.bytes && plan_.header.empty()))) {
    CloseWrite();
    Finish(!WasReset());
  } else if (AtEnd() && manner() != Manner::kOrderly) {
    Finish(false);
  }
}

bool TcpPeer::GotAll() const { return from_ != nullptr ? got_ == from_->plan_.bytes : got_ == 0; }

}  // namespace simulation
