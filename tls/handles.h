// handles.h - the library's objects with an owner.
//
// Owns:    each pointer its reference.
// Threads: any-thread; the library counts references of shared objects atomically.
// Units:   none.
// Errors:  none.
// States:  none.
//
// BoringSSL is the only library of TLS in the process. It has no stable interface: whatever differs
// between the version of the distribution and a current tree is bridged here.

#pragma once

#include <openssl/base.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#ifndef OPENSSL_IS_BORINGSSL
#error "tls/ is written for BoringSSL; see the option 'boringssl' of the build"
#endif

namespace tls {

template <typename T>
using Handle = bssl::UniquePtr<T>;

// Its name, and whose interface it has.
std::string LibraryVersion();
// The oldest error of this thread in words, which is then forgotten with all others.
std::string TakeErrorText();

}  // namespace tls
