#include "engine/server/capture_keywords.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/expr/places.h"
#include "engine/server/expression_words.h"
#include "engine/server/log_config.h"
#include "engine/server/log_keywords.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kFront;

constexpr uint32_t kCaptureBytesMax = 65535;

// "len 20" from `argument` on, and nothing behind it.
bool TakeLength(const KeywordUse& use, size_t argument, uint32_t bytes_max, uint32_t& length) {
  if (use.arguments() <= argument || use.argument(argument) != "len") {
    return Refuse(use, argument, "'len' and a length in bytes are expected");
  }
  if (use.arguments() <= argument + 1) return Refuse(use, argument + 1, "expects a length");
  if (use.arguments() > argument + 2) {
    return Refuse(use, argument + 2, "unexpected " + InQuotes(use.argument(argument + 2)));
  }
  return TakeArgument(use, argument + 1, ParseInteger(use.argument(argument + 1), 1, bytes_max),
                      length);
}

bool TakeHeader(const KeywordUse& use, std::vector<CaptureSlot>& slots) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of a header")) return false;
  CaptureSlot slot{std::string(use.argument(0)), 0};
  if (!proto::IsToken(slot.header)) {
    return Refuse(use, 0, InQuotes(slot.header) + " is no name of a header");
  }
  if (!TakeLength(use, 1, kCaptureBytesMax, slot.bytes_max)) return false;
  slots.push_back(std::move(slot));
  return true;
}

bool TakeCookie(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of a cookie")) return false;
  CaptureDraft& draft = context.proxy->captures;
  if (!draft.cookie.empty()) {
    return Refuse(use, 0, "a frontend captures one cookie only, and has " + InQuotes(draft.cookie));
  }
  if (!TakeLength(use, 1, kCaptureBytesMax, draft.cookie_bytes_max)) return false;
  draft.cookie = use.argument(0);
  return true;
}

bool TakeDeclaration(BuildContext& context, KeywordUse& use) {
  const std::string_view kind = use.arguments() > 0 ? use.argument(0) : std::string_view();
  if (kind != "request" && kind != "response") {
    return Refuse(use, 0, "expects 'request' or 'response'",
                  Suggest(kind, {"request", "response"}));
  }
  uint32_t bytes_max = 0;
  if (!TakeLength(use, 1, kCaptureBytesMax, bytes_max)) return false;
  AddCaptureSlot(*context.proxy, kind == "request", bytes_max);
  return true;
}

bool TakeUniqueIdHeader(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "the name of a header")) return false;
  const std::string_view name = use.argument(0);
  if (!proto::IsToken(name)) return Refuse(use, 0, InQuotes(name) + " is no name of a header");
  context.proxy->config->unique_id_header = name;
  context.proxy->unique_id_header = {&use.line, use.first_argument};
  return true;
}

bool TakeUniqueIdFormat(BuildContext& context, KeywordUse& use) {
  return TakeFormatText(context, use, place::kHttpRequest, context.proxy->unique_id);
}

void AddValues(const LogFormat& format, KeepPlan& plan) {
  for (const Expression& one : format.expressions()) {
    // A capture is kept until the line is written, and a rule may still set it.
    const std::string_view fetch = one.fetch().name;
    const bool is_kept = fetch == "capture.req.hdr" || fetch == "capture.res.hdr";
    plan.values.push_back({&one, is_kept ? LogMoment::kEnd : MomentOf(one.needs())});
  }
}

}  // namespace

size_t KeepPlan::text_bytes() const {
  size_t bytes = 2 * size_t{cookie_bytes_max};
  for (const CaptureSlot& slot : request) bytes += slot.bytes_max;
  for (const CaptureSlot& slot : response) bytes += slot.bytes_max;
  for (const Value& value : values) {
    if (value.moment != LogMoment::kEnd) bytes += value_bytes_max;
  }
  return unique_id.empty() ? bytes : bytes + kUniqueIdBytesMax;
}

uint32_t AddCaptureSlot(ProxyDraft& draft, bool request, uint32_t bytes_max) {
  std::vector<CaptureSlot>& slots = request ? draft.captures.request : draft.captures.response;
  slots.push_back({{}, bytes_max});
  return uint32_t(slots.size() - 1);
}

namespace {

void CheckSlots(BuildContext& context, const ProxyDraft& draft) {
  for (const CaptureById& one : draft.captures_by_id) {
    const size_t slots =
        one.of_response ? draft.captures.response.size() : draft.captures.request.size();
    if (one.slot < slots) continue;
    const std::string kind = one.of_response ? "responses" : "requests";
    context.diagnostics.Error(
        one.place.At(),
        "no slot " + std::to_string(one.slot) + " for captures of " + kind + " is declared in " +
            draft.config->kind + " '" + draft.config->name + "'",
        slots == 0 ? "'declare capture' makes one"
                   : "there are " + std::to_string(slots) + ", counted from 0");
  }
}

}  // namespace

void FinishCaptures(BuildContext& context, ProxyDraft& draft) {
  ProxyConfig& config = *draft.config;
  if (!config.is_frontend) return;
  CheckSlots(context, draft);
  auto plan = std::make_shared<KeepPlan>();
  plan->request = draft.captures.request;
  plan->response = draft.captures.response;
  plan->cookie = draft.captures.cookie;
  plan->cookie_bytes_max =
      std::min(draft.captures.cookie_bytes_max, context.configuration.global.http_cookielen);
  plan->value_bytes_max = context.configuration.global.http_logurilen;
  if (draft.unique_id.line != nullptr) {
    (void)FinishFormat(context, config, draft.unique_id, plan->unique_id);
    plan->unique_id.set_use(LogUse::kMessage);  // unique-id-header
  }
  if (draft.unique_id_header && plan->unique_id.empty() && draft.unique_id.line == nullptr) {
    context.diagnostics.Warning(draft.unique_id_header.At(),
                                "'unique-id-header' does nothing without 'unique-id-format'");
    config.unique_id_header.clear();
  }
  if (config.log != nullptr) {
    AddValues(config.log->format, *plan);
    AddValues(config.log->error_format, *plan);
    AddValues(config.log->structured_data, *plan);
    for (const auto& [format, values] : config.log->profile_values) AddValues(*format, *plan);
  }
  if (!plan->empty()) config.keep = std::move(plan);
}

void RegisterCaptureKeywords(BuildKeywords& keywords) {
  keywords.Add({"capture request header", kFront}, [](BuildContext& context, KeywordUse& use) {
    return TakeHeader(use, context.proxy->captures.request);
  });
  keywords.Add({"capture response header", kFront}, [](BuildContext& context, KeywordUse& use) {
    return TakeHeader(use, context.proxy->captures.response);
  });
  keywords.Add({"capture cookie", kFront}, TakeCookie);
  keywords.Add({"declare capture", kFront}, TakeDeclaration);
  keywords.Add({"unique-id-format", scope::kDefaults | scope::kProxies}, TakeUniqueIdFormat);
  keywords.Add({"unique-id-header", scope::kDefaults | kFront}, TakeUniqueIdHeader);
  keywords.Add({"tune.http.cookielen", scope::kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, kCaptureBytesMax),
                        context.configuration.global.http_cookielen);
  });
}

}  // namespace engine
