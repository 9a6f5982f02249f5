// A set of IPv4 and IPv6 networks and the question whether a peer is in it.
// Owns two sorted arrays of ranges. Filled and sealed once at set-up; afterwards read-only and safe from any thread.
// `parse` returns false for what is not a CIDR (lib has said why before); bits after the prefix are ignored, a missing prefix
// means the single address, and ::ffff:a.b.c.d/96..128 is the IPv4 network it maps.
// Invariant once sealed: ranges of a family are ascending and neither overlap nor touch. Unix peers are in no set, and ::/0
// holds no IPv4 peer.
#pragma once

#include <cassert>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/peer_address.h"

namespace millrace {

struct Cidr {
  uint8_t family = 0;  // 4 or 6
  uint8_t prefix = 0;  // 0..32 or 0..128
  uint8_t ip[16] = {}; // v4 in the first four bytes
};

class CidrSet {
 public:
  static bool parse(std::string_view text, Cidr& out);

  void add(const Cidr& cidr);
  void seal();
  bool contains(const PeerAddress& peer) const;
  bool empty() const { return v4_.empty() && v6_.empty(); }

 private:
  using Wide = unsigned __int128;
  template <class T> struct Range { T first, last; };
  template <class T> static void merge(std::vector<Range<T>>& ranges);
  template <class T> static bool find(const std::vector<Range<T>>& ranges, T value);

  std::vector<Range<uint32_t>> v4_;
  std::vector<Range<Wide>> v6_;
  bool sealed_ = true;
};

}  // namespace millrace
