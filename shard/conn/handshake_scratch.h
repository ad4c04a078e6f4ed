// handshake_scratch.h - what handshake steps keep of one connection, and the memory it comes from.
//
// Owns:    HandshakeMemory owns every scratch and every block of TLVs of one shard. A scratch
//          belongs to its connection and goes with it.
// Threads: shard-local.
// Units:   bytes; capacity in connections.
// Errors:  no room gives null, or false.
// States:  none. Most connections never ask for a scratch.
//
//   if (HandshakeScratch* scratch = connection.NeedScratch()) scratch->cip_magic = magic;

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/slab.h"
#include "shard/net/address.h"

namespace shard {

struct ProxySendOptions;

struct HandshakeScratch {
  // Of an accepted connection: what it must begin with (accept-netscaler-cip).
  uint32_t cip_magic = 0;
  // Of a PROXY header that was received, and somebody may ask for; or of the one to be sent, behind
  // those of its options.
  uint32_t tlv_bytes = 0;
  char* tlvs = nullptr;
  // Of an outgoing one: how its PROXY header is made. The options are the server's, as the target
  // is.
  const ProxySendOptions* send_options = nullptr;
  bool announces_self = false;
  // Of an outgoing one: what its header says. Of an accepted one that said who is behind it: what
  // was known before (Connection::KeepOriginal).
  Address source;
  Address destination;
};

class HandshakeMemory {
 public:
  // TLVs are kept in blocks of three sizes, so that the usual few bytes do not cost a page. The
  // largest has room for whatever a header of the default tune.bufsize brings.
  static constexpr size_t kSmallBytes = 256;
  static constexpr size_t kLargeBytes = 4096;
  static constexpr size_t kBytesMax = 16384;

  explicit HandshakeMemory(uint32_t capacity)
      : scratches_(capacity),
        small_(capacity),
        large_(std::min<uint32_t>(capacity, 65536)),
        largest_(std::min<uint32_t>(capacity, 4096)) {}

  HandshakeScratch* New() { return scratches_.New(); }
  void Delete(HandshakeScratch* scratch) {
    DropTlvs(*scratch);
    scratches_.Delete(scratch);
  }
  // Room for `bytes` of TLVs, at most kBytesMax; in place of what was there.
  bool MakeRoomForTlvs(HandshakeScratch& scratch, size_t bytes) {
    DropTlvs(scratch);
    if (bytes > kBytesMax) return false;
    scratch.tlvs = bytes <= kSmallBytes   ? TakeOf(small_)
                   : bytes <= kLargeBytes ? TakeOf(large_)
                                          : TakeOf(largest_);
    if (scratch.tlvs == nullptr) return false;
    scratch.tlv_bytes = uint32_t(bytes);
    return true;
  }
  uint32_t live() const {
    return scratches_.live() + small_.live() + large_.live() + largest_.live();
  }

 private:
  template <size_t kBytes>
  struct Block {
    char bytes[kBytes];
  };

  template <size_t kBytes>
  static char* TakeOf(base::Slab<Block<kBytes>>& blocks) {
    Block<kBytes>* block = blocks.New();
    return block != nullptr ? block->bytes : nullptr;
  }

  void DropTlvs(HandshakeScratch& scratch) {
    if (scratch.tlvs == nullptr) return;
    if (scratch.tlv_bytes <= kSmallBytes) {
      small_.Delete(reinterpret_cast<Block<kSmallBytes>*>(scratch.tlvs));
    } else if (scratch.tlv_bytes <= kLargeBytes) {
      large_.Delete(reinterpret_cast<Block<kLargeBytes>*>(scratch.tlvs));
    } else {
      largest_.Delete(reinterpret_cast<Block<kBytesMax>*>(scratch.tlvs));
    }
    scratch.tlvs = nullptr;
    scratch.tlv_bytes = 0;
  }

  base::Slab<HandshakeScratch> scratches_;
  base::Slab<Block<kSmallBytes>> small_;
  base::Slab<Block<kLargeBytes>> large_;
  base::Slab<Block<kBytesMax>> largest_;
};

}  // namespace shard
