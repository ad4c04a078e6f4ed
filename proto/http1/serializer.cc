#include "proto/http1/serializer.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace proto {
namespace {

template <typename Word>
Word Load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(Word));
  return word;
}

// Texts here are short and of every length: two overlapping moves beat a call of memcpy.
char* Copy(char* out, std::string_view text) {
  const char* from = text.data();
  const size_t bytes = text.size();
  if (bytes > 32) {
    std::memcpy(out, from, bytes);
  } else if (bytes >= 16) {
    struct Half {
      uint64_t low, high;
    };
    const Half first = Load<Half>(from), last = Load<Half>(from + bytes - 16);
    std::memcpy(out, &first, 16);
    std::memcpy(out + bytes - 16, &last, 16);
  } else if (bytes >= 8) {
    const uint64_t first = Load<uint64_t>(from), last = Load<uint64_t>(from + bytes - 8);
    std::memcpy(out, &first, 8);
    std::memcpy(out + bytes - 8, &last, 8);
  } else if (bytes >= 4) {
    const uint32_t first = Load<uint32_t>(from), last = Load<uint32_t>(from + bytes - 4);
    std::memcpy(out, &first, 4);
    std::memcpy(out + bytes - 4, &last, 4);
  } else if (bytes != 0) {
    out[0] = from[0];
    out[bytes / 2] = from[bytes / 2];
    out[bytes - 1] = from[bytes - 1];
  }
  return out + bytes;
}

// May say yes without need (a tab); never no when there is a CR, LF or NUL.
bool MayHoldLineEnd(std::string_view text) {
  const char* from = text.data();
  size_t left = text.size();
#ifdef __SSE2__
  const __m128i last_one = _mm_set1_epi8('\r');
  for (; left >= 16; from += 16, left -= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_one), bytes);
    if (_mm_movemask_epi8(low) != 0) return true;
  }
#endif
  for (; left != 0; ++from, --left) {
    if (uint8_t(*from) <= '\r') return true;
  }
  return false;
}

char* CopyClean(char* out, std::string_view text) {
  char* const end = Copy(out, text);
  if (__builtin_expect(MayHoldLineEnd(text), 0)) {
    for (char* c = out; c < end; ++c) {
      if (*c == '\r' || *c == '\n' || *c == '\0') *c = ' ';
    }
  }
  return end;
}

char* CopyLower(char* out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t c = uint8_t(text[i]);
    out[i] = char(c | (uint8_t(c - 'A') < 26 ? 0x20 : 0));
  }
  return out + text.size();
}

size_t FieldsBytes(const FieldList& fields) {
  size_t bytes = 2;
  for (const Field& field : fields) bytes += field.name().size() + field.value().size() + 4;
  return bytes;
}

// Every field and the empty line.
char* CopyFields(char* out, const FieldList& fields, const NameCase* name_case) {
  for (const Field& field : fields) {
    char* const name = out;
    if (field.id() != FieldName::kOther) {
      out = Copy(out, FieldNameText(field.id()));
    } else {
      out = CopyLower(out, field.name());
    }
    if (__builtin_expect(name_case != nullptr, 0)) {
      const std::string_view lower(name, size_t(out - name));
      const std::string_view adjusted = name_case->Adjust(field.id(), lower);
      if (adjusted.size() == lower.size()) std::memcpy(name, adjusted.data(), adjusted.size());
    }
    *out++ = ':';
    *out++ = ' ';
    out = CopyClean(out, field.value());
    *out++ = '\r';
    *out++ = '\n';
  }
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

std::string_view VersionText(Version version, std::string_view other) {
  if (!other.empty()) return other;
  return version.AtLeast11() ? "HTTP/1.1" : "HTTP/1.0";
}

// The parts of a target, in the order written.
struct TargetParts {
  std::string_view parts[6];
};
TargetParts SplitTarget(const RequestHead& head) {
  const std::string_view mark = head.has_query ? "?" : "";
  const std::string_view query = head.has_query ? head.query : std::string_view();
  switch (head.target_form) {
    case TargetForm::kAuthority:
      return {{head.authority}};
    case TargetForm::kAsterisk:
      return {{"*"}};
    case TargetForm::kAbsolute:
      return {{head.scheme, "://", head.authority, head.path, mark, query}};
    case TargetForm::kOrigin:
      break;
  }
  return {{head.path.empty() ? std::string_view("/") : head.path, mark, query}};
}

}  // namespace

size_t WriteRequestHead(const RequestHead& head, char* out, size_t capacity,
                        const NameCase* name_case) {
  const TargetParts target = SplitTarget(head);
  const std::string_view version = VersionText(head.version, head.other_version);
  size_t bytes = head.method_text.size() + 1 + 1 + version.size() + 2 + FieldsBytes(head.fields);
  for (std::string_view part : target.parts) bytes += part.size();
  if (bytes > capacity) return bytes;
  char* at = Copy(out, head.method_text);
  *at++ = ' ';
  for (std::string_view part : target.parts) at = CopyClean(at, part);
  *at++ = ' ';
  at = Copy(at, version);
  *at++ = '\r';
  *at++ = '\n';
  at = CopyFields(at, head.fields, name_case);
  DEBUG_MUST(size_t(at - out) == bytes);
  return bytes;
}

size_t WriteResponseHead(const ResponseHead& head, char* out, size_t capacity,
                         const NameCase* name_case) {
  const std::string_view version = VersionText(head.version, head.other_version);
  char status[5];
  size_t digits = 0;
  for (uint32_t rest = head.status; rest != 0 || digits < 3; rest /= 10) {
    status[sizeof(status) - ++digits] = char('0' + rest % 10);
  }
  const size_t bytes =
      version.size() + 1 + digits + 1 + head.reason.size() + 2 + FieldsBytes(head.fields);
  if (bytes > capacity) return bytes;
  char* at = Copy(out, version);
  *at++ = ' ';
  at = Copy(at, {status + sizeof(status) - digits, digits});
  *at++ = ' ';
  at = CopyClean(at, head.reason);
  *at++ = '\r';
  *at++ = '\n';
  at = CopyFields(at, head.fields, name_case);
  DEBUG_MUST(size_t(at - out) == bytes);
  return bytes;
}

size_t WriteChunkHeader(uint64_t chunk_bytes, char (&out)[kChunkHeaderBytesMax]) {
  size_t digits = 1;
  while (digits < 16 && chunk_bytes >> (4 * digits) != 0) ++digits;
  for (size_t i = 0; i < digits; ++i) {
    out[digits - 1 - i] = "0123456789abcdef"[chunk_bytes >> (4 * i) & 15];
  }
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return digits + 2;
}

size_t WriteLastChunk(const FieldList& trailers, char* out, size_t capacity,
                      const NameCase* name_case) {
  const size_t bytes = 3 + FieldsBytes(trailers);
  if (bytes > capacity) return bytes;
  CopyFields(Copy(out, "0\r\n"), trailers, name_case);
  return bytes;
}

}  // namespace proto
