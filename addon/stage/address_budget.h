// AddressBudget: so many a second for each IPv4 address and each /64 of IPv6, which is what one host has at its disposal, in memory that does not grow
// (internal). Owns a fixed table; addresses that fall on the same place share it, and the hash has a secret seed. A place is one number: the time at which what has been taken is paid for (GCRA); a second's
// worth may be taken at once. One loop's thread only, so with shards every loop has its own.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/peer_address.h"
#include "core/secret.h"

namespace millrace {

class AddressBudget {
 public:
  static constexpr size_t places = 16'384;

  explicit AddressBudget(uint32_t perSecond) : costNs_(secondNs / perSecond), seed_(randomSeed(this)), paidNs_(places) {}

  bool take(const PeerAddress& peer, uint64_t nowMs) {
    uint64_t& paid = paidNs_[networkOf(peer).hashWithoutPort(seed_) % places];
    const uint64_t now = nowMs * 1'000'000;
    const uint64_t next = std::max(paid, now) + costNs_;
    if (next > now + secondNs) return false;
    paid = next;
    return true;
  }

 private:
  static constexpr uint64_t secondNs = 1'000'000'000;

  static PeerAddress networkOf(PeerAddress peer) {
    if (peer.family == 6) std::memset(peer.ip + 8, 0, 8);
    return peer;
  }

  uint64_t costNs_;
  uint64_t seed_;
  std::vector<uint64_t> paidNs_;
};

}  // namespace millrace
