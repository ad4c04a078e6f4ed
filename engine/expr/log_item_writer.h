// log_item_writer.h - one item of a log line: what a value looks like under the item's flags and
// the format's encoding (manual 8.2.6).
//
// Owns:    nothing.
// Threads: shard-local; lives while its line is written.
// Units:   none.
// Errors:  what does not fit into the line is cut.
// States:  none.
//
// Values leave through Integer(), or BeginText(), Piece()..., EndText(): these alone know how plain
// text, JSON and CBOR (RFC 8949) are written.

#pragma once

#include <string_view>

#include "engine/expr/log_item.h"
#include "engine/expr/sample.h"

namespace engine {

// As what a value is written where that is said: "%(name:sint)...".
enum class LogType : uint8_t { kOwn, kText, kInteger, kBoolean };

class LogItemWriter {
 public:
  LogItemWriter(const LogRecord& record, LogDates& dates, LogLine& line, LogUse use,
                LogEncoding encoding, bool binary)
      : record_(record),
        dates_(dates),
        line_(line),
        use_(use),
        encoding_(encoding),
        binary_(binary) {}

  void Write(LogTag tag, uint8_t flags, LogType type);
  // What an expression gives; null: nothing.
  void Write(const Sample* sample, uint8_t flags, LogType type, Scratch& scratch);

  // Around all items of a format, and before each of them, where an encoding is that of the whole
  // format.
  void BeginMap();
  void Key(std::string_view name, bool first);
  void EndMap();

 private:
  using Zone = LogDates::Zone;

  bool plain() const { return encoding_ == LogEncoding::kNone; }
  bool quotes() const {
    return (flags_ & kLogQuote) != 0 && !(is_sample_ && use_ == LogUse::kMessage);
  }
  LogEscape escape() const {
    const bool backslash = (flags_ & kLogEscape) != 0;
    if (!is_sample_) return backslash ? LogEscape::kHashBackslash : LogEscape::kHash;
    if (use_ == LogUse::kMessage) {
      return backslash ? LogEscape::kPercentBackslash : LogEscape::kPercent;
    }
    if (use_ == LogUse::kText) return backslash ? LogEscape::kBackslash : LogEscape::kNone;
    // A value may be JSON, or go into another's quotes as the format says. Quotes that are asked
    // for here hold (manual 8.6).
    if (backslash) return LogEscape::kControlsBackslash;
    return quotes() ? LogEscape::kHash : LogEscape::kControls;
  }

  void Integer(int64_t value);
  void BeginText();
  // A part of a text. `harmless`: nobody hostile can choose it.
  void Piece(std::string_view text) { Piece(text, escape(), true); }
  void PeerPiece(std::string_view text) { Piece(text, escape(), false); }
  void Piece(std::string_view text, LogEscape escape, bool harmless);
  void EndText();
  void Nothing();
  void CborHead(uint8_t major, uint64_t value);
  void CborByte(uint8_t byte);

  // A text that nobody hostile can choose. Nothing is "-", or "" where it is quoted.
  void Text(std::string_view text) { WholeText(text, true); }
  void PeerText(std::string_view text) { WholeText(text, false); }
  void WholeText(std::string_view text, bool harmless);
  // Those that the flag X turns into hexadecimal.
  void Number(uint64_t value);
  void Ip(const shard::Address& address);
  void Port(const shard::Address& address);
  void Growing(uint64_t value);
  void GrowingTime(int64_t value_ms);
  void DateMs(uint64_t wall_us);
  void DateZone(uint64_t wall_us, Zone zone);
  void RequestPart(std::string_view part);
  void RequestLine();
  void Headers(const LogCaptures& captures);
  void HeaderList(const LogCaptures& captures);

  bool WriteDate(LogTag tag);
  bool WriteTimer(LogTag tag);
  bool WriteRequest(LogTag tag);
  bool WriteAddress(LogTag tag);
  bool WriteCount(LogTag tag);
  void WriteOther(LogTag tag);

  const LogRecord& record_;
  LogDates& dates_;
  LogLine& line_;
  const LogUse use_;
  const LogEncoding encoding_;
  const bool binary_;
  uint8_t flags_ = 0;
  bool is_sample_ = false;
  LogType type_ = LogType::kOwn;
};

}  // namespace engine
