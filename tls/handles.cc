#include "tls/handles.h"

#include <openssl/crypto.h>

namespace tls {

std::string LibraryVersion() { return OPENSSL_VERSION_TEXT; }

std::string TakeErrorText() {
  const uint32_t error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(ERR_GET_REASON(error));
}

}  // namespace tls
