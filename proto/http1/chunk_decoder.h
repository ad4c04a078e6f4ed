// chunk_decoder.h - finds the data in a chunked body, span by span, without touching or copying it.
//
// Owns:    its state. Trailers go into the given list; their text is copied into the list's arena,
//          as trailers come rarely and may be cut anywhere.
// Threads: shard-local.
// Units:   bytes. A chunk is at most kBodyBytesMax long.
// Errors:  kBad with error(); the offending byte is at `consumed` (of a bare CR: the one behind
//          it). Final: further calls repeat it.
// States:  size -> [extension] -> LF -> data -> CR -> LF -> size ... -> size 0 -> trailers ->
//          done.
//
//   ChunkEvent event = decoder.Next(bytes);   // bytes: what has come and is not consumed yet
//   if (event.result == ChunkResult::kData) Forward(bytes.substr(event.offset, event.length));
//   bytes.remove_prefix(event.consumed);      // in every case
//
// RFC 9112 section 7.1, strict: CRLF only, no sign, no blanks but before an extension's ';', at
// most 16 digits. Extensions are dropped, as anyone on the way may do.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/field_list.h"
#include "proto/http1/field_parser.h"

namespace proto {

enum class ChunkResult : uint8_t {
  kData,      // [offset, offset + length) of the bytes given is data
  kNeedMore,  // all bytes given are consumed
  kTrailers,  // the list has them; once, and only if there are any; kDone follows
  kDone,      // the body is over; what was not consumed is another message
  kBad
};

enum class ChunkError : uint8_t {
  kNone,
  kBadSize,
  kSizeOverflow,
  kBadExtension,
  kExtensionTooLong,
  kBareLf,
  kBareCr,
  kMissingCrlf,  // behind the data
  kBadTrailer,   // trailer_error() says how
  kTrailersTooLarge,
  kCount
};
std::string_view ChunkErrorText(ChunkError error);

struct ChunkEvent {
  ChunkResult result = ChunkResult::kNeedMore;
  size_t consumed = 0;  // from the front of the bytes given, data included
  size_t offset = 0;
  size_t length = 0;
};

struct ChunkOptions {
  // Per chunk. Nobody uses extensions but to burn a proxy's time.
  uint32_t extension_bytes_max = 1024;
  uint32_t trailer_bytes_max = 8192;
};

class ChunkDecoder {
 public:
  // The list's fields_max limits the trailers' number.
  explicit ChunkDecoder(FieldList& trailers, const ChunkOptions& options = {});

  [[nodiscard]] ChunkEvent Next(std::string_view bytes);

  // Data of the current chunk still to come. Up to that much may be moved without being seen here
  // (splice), if SkipData() is told. 0 between chunks.
  uint64_t data_left() const { return state_ == State::kData ? left_ : 0; }
  void SkipData(uint64_t bytes);
  ChunkError error() const { return error_; }
  HeadError trailer_error() const { return trailer_parser_.error(); }

 private:
  enum class State : uint8_t {
    kSizeStart,
    kSize,
    kBlanks,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailers,
    kLastLf,
    kDone,
    kFailed
  };

  ChunkEvent Fail(ChunkError error, size_t at);
  ChunkEvent TakeData(std::string_view bytes, size_t at);
  ChunkEvent ParseTrailers(std::string_view bytes, size_t at);
  void ReserveTrailers(size_t bytes);
  ChunkEvent FailExtension(char c, size_t at);
  bool SkipExtension(std::string_view bytes, size_t* at);

  FieldList& trailers_;
  ChunkOptions options_;
  State state_ = State::kSizeStart;
  ChunkError error_ = ChunkError::kNone;
  uint8_t digits_ = 0;
  bool quoted_ = false;   // inside a quoted-string of an extension
  bool escaped_ = false;  // behind its backslash
  uint32_t extension_bytes_ = 0;
  uint64_t left_ = 0;  // the size being read, then what is left of the chunk
  FieldParser trailer_parser_;
  char* trailer_text_ = nullptr;
  size_t trailer_bytes_ = 0;
  size_t trailer_capacity_ = 0;
  size_t trailer_position_ = 0;
};

}  // namespace proto
