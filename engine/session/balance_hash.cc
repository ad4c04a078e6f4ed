#include "engine/session/balance_hash.h"

#include "base/text.h"

namespace engine {
namespace {

// "1wt" of "haproxy.1wt.eu:80": what stands before the last label.
std::string_view MainDomain(std::string_view host) {
  host = host.substr(0, host.find(':'));
  const size_t last = host.rfind('.');
  if (last == std::string_view::npos || last == 0) return host;
  const size_t before = host.rfind('.', last - 1);
  const size_t start = before == std::string_view::npos ? 0 : before + 1;
  return host.substr(start, last - start);
}

}  // namespace

std::string_view UriKey(const HashConfig& config, const proto::RequestHead& head) {
  std::string_view uri = head.target;
  if (config.path_only && !uri.starts_with('/')) {
    const size_t authority = uri.find("://");
    const size_t path = uri.find('/', authority == std::string_view::npos ? 0 : authority + 3);
    uri = path == std::string_view::npos ? std::string_view() : uri.substr(path);
  }
  if (!config.whole) uri = uri.substr(0, uri.find('?'));
  if (config.length != 0) uri = uri.substr(0, config.length);
  uint32_t slashes = 0;
  for (size_t i = 0; config.depth != 0 && i < uri.size(); ++i) {
    // `depth` directories, without the slash that ends the last one.
    if (uri[i] == '/' && ++slashes > config.depth) return uri.substr(0, i);
  }
  return uri;
}

std::string_view ParameterKey(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = query.find_first_of("&;");
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name)) {
      return pair.substr(name.size() + 1);
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return {};
}

std::string_view HeaderKey(const HashConfig& config, const proto::FieldList& fields) {
  const proto::Field* field = fields.Find(std::string_view(config.name));
  if (field == nullptr) return {};
  // Of a list, the first value.
  const std::string_view value = base::Trim(field->value().substr(0, field->value().find(',')));
  return config.domain_only ? MainDomain(value) : value;
}

std::optional<uint32_t> BalanceHashOf(const HashConfig& config, const shard::Address& client,
                                      const proto::RequestHead* head) {
  std::string_view key;
  switch (config.input) {
    case HashInput::kSource:
      key = client.Bytes();
      break;
    case HashInput::kUri:
      if (head != nullptr) key = UriKey(config, *head);
      break;
    case HashInput::kUrlParam:
      if (head != nullptr) key = ParameterKey(head->query, config.name);
      break;
    case HashInput::kHeader:
      if (head != nullptr) key = HeaderKey(config, head->fields);
      break;
    case HashInput::kExpression:
      break;  // whoever can evaluate it comes to HashOfKey()
  }
  return HashOfKey(config, key);
}

std::optional<uint32_t> HashOfKey(const HashConfig& config, std::string_view key) {
  if (key.empty()) return std::nullopt;
  const uint32_t hash = HashBytes(config.function, key);
  return config.avalanche ? Avalanche(hash) : hash;
}

}  // namespace engine
