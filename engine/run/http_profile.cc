#include "engine/run/http_profile.h"

#include <map>
#include <string>
#include <string_view>

#include "engine/mux/http_endpoint.h"
#include "proto/http1/parser_options.h"
#include "proto/http1/serializer.h"

namespace engine {
namespace {

// h1-case-adjust: the names of the map, as they are to be written.
class CaseMap final : public proto::NameCase {
 public:
  explicit CaseMap(const std::map<std::string, std::string, std::less<>>& names) : names_(names) {}
  std::string_view Adjust(proto::FieldName, std::string_view lower_name) const noexcept override {
    const auto found = names_.find(lower_name);
    return found == names_.end() ? std::string_view() : found->second;
  }

 private:
  const std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace

std::shared_ptr<const HttpProfile> MakeHttpProfile(const ProxyConfig& proxy,
                                                   const GlobalConfig& global) {
  auto profile = std::make_shared<HttpProfile>();
  const HttpConfig& http = proxy.http;
  profile->request =
      http.accept_unsafe_request ? proto::UnsafeRequestOptions() : proto::ParserOptions();
  profile->response =
      http.accept_unsafe_response ? proto::UnsafeResponseOptions() : proto::ResponseOptions();
  profile->response_framing.accept_odd_transfer_encoding = http.accept_unsafe_response;
  for (proto::ParserOptions* options : {&profile->request, &profile->response}) {
    // Room is kept for what rules add (manual 3.2, tune.maxrewrite).
    options->head_bytes_max = global.bufsize - global.maxrewrite;
    options->fields_max = global.http_maxhdr - 1;
  }
  if ((http.adjust_case_client || http.adjust_case_server) && !global.h1_case_adjust.empty()) {
    profile->name_case = std::make_shared<CaseMap>(global.h1_case_adjust);
    if (http.adjust_case_client) profile->client_case = profile->name_case.get();
    if (http.adjust_case_server) profile->server_case = profile->name_case.get();
  }
  profile->request_ms = http.request_ms;
  profile->keep_alive_ms = http.keep_alive_ms;
  profile->client_ms = proxy.timeouts.client_ms;
  profile->ignore_probes = http.ignore_probes;
  profile->buffer_request = http.buffer_request;
  profile->use_proxy_header = http.use_proxy_header;
  profile->idle_close_on_response = http.idle_close_on_response;
  return profile;
}

}  // namespace engine
