#include "engine/session/persistence.h"

#include <cstring>
#include <initializer_list>

#include "engine/session/cookie_date.h"
#include "proto/http/cacheability.h"
#include "proto/http/cookie.h"

namespace engine {

using proto::FieldName;

namespace {

// What makes a client forget the cookie (RFC 6265 section 3.1).
constexpr std::string_view kExpired = "; Expires=Thu, 01 Jan 1970 00:00:01 GMT";

std::string_view Join(base::Arena& arena, std::initializer_list<std::string_view> parts) {
  size_t bytes = 0;
  for (std::string_view part : parts) bytes += part.size();
  char* text = static_cast<char*>(arena.Allocate(bytes, 1));
  char* cursor = text;
  for (std::string_view part : parts) {
    if (!part.empty()) std::memcpy(cursor, part.data(), part.size());
    cursor += part.size();
  }
  return {text, bytes};
}

}  // namespace

void Persistence::ReadRequest(const ProxyConfig& backend, const Servers& servers, uint64_t now_s,
                              proto::FieldList& fields) {
  const CookieConfig& cookie = backend.http.cookie;
  if (!cookie.enabled()) return;
  state_ = done_ = 'N';
  forces_ = servers.forces;
  stays_ = servers.stays;
  ignores_ = servers.ignores;
  if (!fields.Has(FieldName::kCookie)) return;
  bool is_there = false;
  proto::CookieReader reader(fields);
  while (reader.Next()) {
    if (!reader.has_value() || reader.name() != cookie.name) continue;
    is_there = true;
    if (server_ < 0 && !ignores_) Judge(backend, servers, now_s, reader.value());
  }
  if (!is_there) return;
  if (cookie.mode == CookieMode::kPrefix) {
    proto::CutCookieValues(fields, cookie.name, CookieConfig::kPrefixMark);
  } else if (cookie.mode == CookieMode::kInsert && cookie.indirect) {
    proto::RemoveCookie(fields, cookie.name);
  }
}

void Persistence::Judge(const ProxyConfig& backend, const Servers& servers, uint64_t now_s,
                        std::string_view value) {
  const CookieConfig& cookie = backend.http.cookie;
  DatedCookie dated;
  if (cookie.mode == CookieMode::kPrefix) {
    value = value.substr(0, value.find(CookieConfig::kPrefixMark));
  } else if (cookie.dated() || servers.cookies.Find(value).empty()) {
    // Dates may be left from a configuration that asked for them.
    dated = ParseDatedCookie(value);
    value = dated.server;
    if (cookie.max_life_s != 0 && dated.first != 0 &&
        IsOutdated(dated.first, now_s, cookie.max_life_s)) {
      state_ = 'O';
      return;
    }
    if (cookie.max_idle_s != 0 && dated.last != 0 &&
        IsOutdated(dated.last, now_s, cookie.max_idle_s)) {
      state_ = 'E';
      return;
    }
  }
  const std::span<const uint32_t> named = servers.cookies.Find(value);
  state_ = named.empty() ? 'I' : 'D';
  for (const uint32_t server : named) {
    const bool is_usable = servers.is_usable(server);
    if (!is_usable && !forces_) continue;
    if (is_usable) state_ = 'V';
    server_ = int32_t(server);
    first_date_ = dated.first;
    // maxlife looks at the first date alone: once that is there, nothing of it changes.
    must_refresh_ = cookie.dated()
                        ? (cookie.max_idle_s != 0 && dated.last != CookieDateOf(now_s)) ||
                              (cookie.max_life_s != 0 && dated.first == 0)
                        : dated.last != 0;
    return;
  }
}

void Persistence::Break() {
  if (server_ < 0) return;
  server_ = -1;
  first_date_ = 0;
  must_refresh_ = false;
  state_ = 'D';
}

void Persistence::EditResponse(const ProxyConfig& backend, std::string_view value, uint64_t now_s,
                               proto::Method method, proto::ResponseHead& head) {
  const CookieConfig& cookie = backend.http.cookie;
  if (!cookie.enabled()) return;
  if (head.fields.Has(FieldName::kSetCookie)) EditSetCookies(cookie, value, head.fields);
  const bool is_provided = done_ == 'P';
  // Whose server was found without a look at persistence keeps what it has (manual 4.2,
  // ignore-persist and use-server).
  const bool must_insert = cookie.mode == CookieMode::kInsert && !is_provided && !ignores_ &&
                           (server_ < 0 || must_refresh_) &&
                           (!cookie.post_only || method == proto::Method::kPost);
  if (must_insert) Insert(cookie, value, now_s, method, head);
}

// What the server itself has set under that name.
void Persistence::EditSetCookies(const CookieConfig& cookie, std::string_view value,
                                 proto::FieldList& fields) {
  const bool is_kept =
      cookie.preserve || (cookie.mode != CookieMode::kInsert && !(cookie.indirect && server_ >= 0));
  for (uint32_t i = 0; i < fields.size();) {
    if (fields[i].id() != FieldName::kSetCookie) {
      ++i;
      continue;
    }
    const proto::SetCookie set = proto::ParseSetCookie(fields[i].value());
    if (!set.has_value() || set.name != cookie.name) {
      ++i;
      continue;
    }
    if (!is_kept) {
      fields.Remove(i);
      done_ = 'D';
      continue;
    }
    done_ = 'P';
    if (!value.empty() && cookie.mode == CookieMode::kRewrite) {
      proto::ReplaceSetCookieValue(fields, i, value);
      done_ = 'R';
    } else if (!value.empty() && cookie.mode == CookieMode::kPrefix) {
      proto::PrefixSetCookieValue(fields, i, value, CookieConfig::kPrefixMark);
      done_ = 'R';
    }
    ++i;
  }
}

void Persistence::Insert(const CookieConfig& cookie, std::string_view value, uint64_t now_s,
                         proto::Method method, proto::ResponseHead& head) {
  proto::FieldList& fields = head.fields;
  const bool must_hide = cookie.no_cache && proto::MayBeShared(method, head);
  // Both or none: a cookie must not go where others are served from.
  if (fields.size() + (must_hide ? 2 : 1) > fields.fields_max()) return;
  char dates[2 * (kCookieDateBytes + 1)];
  size_t bytes = 0;
  const auto add_date = [&](uint32_t date) {
    dates[bytes] = CookieConfig::kDateMark;
    FormatCookieDate(date, dates + bytes + 1);
    bytes += kCookieDateBytes + 1;
  };
  if (cookie.dated() && !value.empty()) {
    add_date(CookieDateOf(now_s));
    if (cookie.max_life_s != 0) add_date(first_date_ != 0 ? first_date_ : CookieDateOf(now_s));
  }
  const std::string_view text = Join(fields.arena(), {cookie.name,
                                                      "=",
                                                      value,
                                                      {dates, bytes},
                                                      value.empty() ? kExpired : std::string_view(),
                                                      cookie.attributes});
  if (!fields.Add(FieldName::kSetCookie, text)) return;
  if (must_hide) (void)fields.Add(FieldName::kCacheControl, "private");
  done_ = server_ >= 0 ? 'U' : 'I';
}

}  // namespace engine
