// leaf_names.h - the host names of a certificate.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  what cannot be read names nothing.
// States:  none.
//
// In lower case, and without what could hide in them: "a.com\0.evil.com" is no name.

#pragma once

#include <string>
#include <vector>

#include "tls/handles.h"

namespace tls {

// The DNS names of its subjectAltName.
void AddAlternativeNames(const X509* leaf, std::vector<std::string>* names);
// The common names of its subject.
void AddCommonNames(const X509* leaf, std::vector<std::string>* names);

}  // namespace tls
