#include "engine/rules/normalizers.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace engine {
namespace {

// Grows a text in a buffer that is large enough.
class Out {
 public:
  explicit Out(char* to) : begin_(to), at_(to) {}
  void Add(char c) { *at_++ = c; }
  void Add(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void Cut(size_t bytes) { at_ = begin_ + bytes; }
  std::string_view view() const { return {begin_, size()}; }
  size_t size() const { return size_t(at_ - begin_); }

 private:
  char* const begin_;
  char* at_;
};

bool IsUnreserved(char c) {
  const char lower = base::ToLower(c);
  return base::IsDigit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

void MergeSlashes(std::string_view path, Out& out) {
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '/' || i == 0 || path[i - 1] != '/') out.Add(path[i]);
  }
}

// Calls `visit(segment, has_slash)` for what stands between slashes; `has_slash`: one follows.
template <typename Visit>
void ForEachSegment(std::string_view path, Visit visit) {
  for (size_t at = 0;;) {
    const size_t slash = path.find('/', at);
    visit(path.substr(at, slash - at), slash != path.npos);
    if (slash == path.npos) return;
    at = slash + 1;
  }
}

void StripDot(std::string_view path, Out& out) {
  ForEachSegment(path, [&](std::string_view segment, bool has_slash) {
    if (segment == ".") return;
    out.Add(segment);
    if (has_slash) out.Add('/');
  });
}

// What cannot be taken back stays, unless `full`.
void StripDotDot(std::string_view path, bool full, Out& out) {
  size_t kept = 0;  // bytes that are no segment to take back
  if (path.starts_with('/')) {
    out.Add('/');
    path.remove_prefix(1);
    kept = 1;
  }
  const size_t root = kept;
  ForEachSegment(path, [&](std::string_view segment, bool has_slash) {
    if (segment != "..") {
      out.Add(segment);
      if (has_slash) out.Add('/');
      return;
    }
    if (out.size() > kept) {
      const size_t before = out.view().substr(0, out.size() - 1).rfind('/');
      out.Cut(before == std::string_view::npos ? kept : std::max(before + 1, root));
      return;
    }
    if (full) return;
    out.Add("..");
    if (has_slash) out.Add('/');
    kept = out.size();
  });
}

bool DecodeUnreserved(std::string_view text, bool strict, Out& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.Add(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? base::HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? base::HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      if (strict) return false;
      out.Add('%');
      continue;
    }
    const char byte = char(high * 16 + low);
    if (IsUnreserved(byte)) {
      out.Add(byte);
    } else {
      out.Add(text.substr(i, 3));
    }
    i += 2;
  }
  return true;
}

bool Uppercase(std::string_view text, bool strict, Out& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    out.Add(text[i]);
    if (text[i] != '%') continue;
    const bool is_escape =
        i + 2 < text.size() && base::HexDigit(text[i + 1]) >= 0 && base::HexDigit(text[i + 2]) >= 0;
    if (!is_escape) {
      if (strict) return false;
      continue;
    }
    for (size_t digit = 1; digit <= 2; ++digit) {
      const char c = text[i + digit];
      out.Add(c >= 'a' && c <= 'f' ? char(c - 'a' + 'A') : c);
    }
    i += 2;
  }
  return true;
}

// Shorter names first where one is the beginning of the other; equal names keep their order. An
// insertion sort in place of a list: queries are short, and nothing may be allocated here.
void SortQuery(std::string_view query, Out& out) {
  constexpr size_t kParametersMax = 256;
  std::array<std::string_view, kParametersMax> all;
  size_t count = 0;
  for (std::string_view rest = query;;) {
    const size_t end = rest.find('&');
    if (count == kParametersMax) return out.Add(query);  // as it came
    const std::string_view parameter = rest.substr(0, end);
    const std::string_view name = parameter.substr(0, parameter.find('='));
    size_t at = count++;
    for (; at > 0 && name < all[at - 1].substr(0, all[at - 1].find('=')); --at)
      all[at] = all[at - 1];
    all[at] = parameter;
    if (end == rest.npos) break;
    rest.remove_prefix(end + 1);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out.Add('&');
    out.Add(all[i]);
  }
}

}  // namespace

bool Normalize(Normalizer normalizer, bool option, std::string_view text, char* made,
               size_t* made_bytes) {
  Out out(made);
  const size_t fragment = text.find('#');
  const size_t query = std::min(text.substr(0, fragment).find('?'), text.size());
  const bool has_query = query < text.size();
  const size_t path_end = std::min({query, fragment, text.size()});
  const std::string_view path = text.substr(0, path_end);
  const std::string_view rest = text.substr(path_end);
  bool good = true;
  switch (normalizer) {
    case Normalizer::kFragmentEncode:
      for (const char c : text) c == '#' ? out.Add("%23") : out.Add(c);
      break;
    case Normalizer::kFragmentStrip:
      out.Add(text.substr(0, fragment));
      break;
    case Normalizer::kMergeSlashes:
      MergeSlashes(path, out);
      out.Add(rest);
      break;
    case Normalizer::kStripDot:
      StripDot(path, out);
      out.Add(rest);
      break;
    case Normalizer::kStripDotDot:
      StripDotDot(path, option, out);
      out.Add(rest);
      break;
    case Normalizer::kDecodeUnreserved:
      good = DecodeUnreserved(text, option, out);
      break;
    case Normalizer::kUppercase:
      good = Uppercase(text, option, out);
      break;
    case Normalizer::kSortQuery:
      out.Add(path);
      if (!has_query) {
        out.Add(rest);
        break;
      }
      out.Add('?');
      SortQuery(text.substr(query + 1, fragment == text.npos ? text.npos : fragment - query - 1),
                out);
      if (fragment != text.npos) out.Add(text.substr(fragment));
      break;
  }
  *made_bytes = out.size();
  return good;
}

}  // namespace engine
