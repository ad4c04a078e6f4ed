#include "proto/http/method.h"

namespace proto {
namespace {

constexpr std::string_view kTexts[] = {"",       "GET",     "HEAD",    "POST",  "PUT",
                                       "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
static_assert(sizeof(kTexts) / sizeof(kTexts[0]) == size_t(Method::kCount));

Method IfText(Method method, std::string_view text) {
  return text == kTexts[size_t(method)] ? method : Method::kOther;
}

}  // namespace

Method FindMethod(std::string_view text) {
  switch (text.size()) {
    case 3:
      return text[0] == 'G' ? IfText(Method::kGet, text) : IfText(Method::kPut, text);
    case 4:
      return text[0] == 'H' ? IfText(Method::kHead, text) : IfText(Method::kPost, text);
    case 5:
      return text[0] == 'T' ? IfText(Method::kTrace, text) : IfText(Method::kPatch, text);
    case 6:
      return IfText(Method::kDelete, text);
    case 7:
      return text[0] == 'C' ? IfText(Method::kConnect, text) : IfText(Method::kOptions, text);
    default:
      return Method::kOther;
  }
}

std::string_view MethodText(Method method) { return kTexts[size_t(method)]; }

bool IsSafe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

bool IsIdempotent(Method method) {
  return IsSafe(method) || method == Method::kPut || method == Method::kDelete;
}

}  // namespace proto
