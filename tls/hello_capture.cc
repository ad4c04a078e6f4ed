#include "tls/hello_capture.h"

#include <openssl/bytestring.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/xxh64.h"

namespace tls {
namespace {

using List = HelloCapture::List;

// The body of an extension that is one list behind its length; empty: it is not there.
std::string_view ListOf(const SSL_CLIENT_HELLO& hello, uint16_t type, bool has_long_length) {
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, type, &bytes, &length) == 0) return {};
  CBS body;
  CBS list;
  CBS_init(&body, bytes, length);
  const int found = has_long_length ? CBS_get_u16_length_prefixed(&body, &list)
                                    : CBS_get_u8_length_prefixed(&body, &list);
  if (found == 0) return {};
  return {reinterpret_cast<const char*>(CBS_data(&list)), CBS_len(&list)};
}

// Calls `take(type)` for each extension.
template <typename Take>
void ForEachExtension(const SSL_CLIENT_HELLO& hello, Take take) {
  CBS all;
  CBS_init(&all, hello.extensions, hello.extensions_len);
  uint16_t type = 0;
  CBS body;
  while (CBS_get_u16(&all, &type) == 1 && CBS_get_u16_length_prefixed(&all, &body) == 1) take(type);
}

}  // namespace

bool IsGrease(uint16_t value) { return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff); }

std::unique_ptr<const HelloCapture> HelloCapture::Take(const SSL_CLIENT_HELLO& hello,
                                                       size_t bytes_max) {
  const std::string_view ciphers(reinterpret_cast<const char*>(hello.cipher_suites),
                                 hello.cipher_suites_len);
  size_t extensions = 0;
  ForEachExtension(hello, [&](uint16_t) { ++extensions; });
  std::string_view sent[size_t(List::kCount)];
  sent[size_t(List::kCiphers)] = ciphers;
  sent[size_t(List::kCurves)] = ListOf(hello, TLSEXT_TYPE_supported_groups, true);
  sent[size_t(List::kFormats)] = ListOf(hello, TLSEXT_TYPE_ec_point_formats, false);
  sent[size_t(List::kSignatures)] = ListOf(hello, TLSEXT_TYPE_signature_algorithms, true);
  sent[size_t(List::kVersions)] = ListOf(hello, TLSEXT_TYPE_supported_versions, false);
  size_t bytes = 2 * extensions;
  for (const std::string_view list : sent) bytes += list.size();
  bytes = std::min(bytes, bytes_max);
  std::unique_ptr<HelloCapture> capture(new (std::nothrow) HelloCapture());
  if (capture == nullptr) return nullptr;
  capture->memory_.reset(new (std::nothrow) char[bytes + 1]);
  if (capture->memory_ == nullptr) return nullptr;
  capture->version_ = hello.version;
  capture->ciphers_hash_ = base::Xxh64(ciphers);
  char* to = capture->memory_.get();
  char* const end = to + bytes;
  // No value is cut in two.
  const auto room = [&](List list) {
    const size_t left = size_t(end - to);
    return list == List::kFormats ? left : left & ~size_t{1};
  };
  for (size_t i = 0; i < size_t(List::kCount); ++i) {
    char* const begin = to;
    if (List(i) == List::kExtensions) {
      ForEachExtension(hello, [&](uint16_t type) {
        if (room(List::kExtensions) < 2) return;
        *to++ = char(type >> 8);
        *to++ = char(type & 0xff);
      });
    } else {
      const size_t taken = std::min(sent[i].size(), room(List(i)));
      if (taken > 0) std::memcpy(to, sent[i].data(), taken);
      to += taken;
    }
    capture->lists_[i] = {begin, size_t(to - begin)};
  }
  return capture;
}

}  // namespace tls
