// FlowTable: from a peer to its flow (internal). Owns an open-addressing table of 8 bytes a place, at most three quarters full; the flows
// themselves lie in a slab. One loop's thread only. Peers choose their addresses, so the hash has a secret seed.
#pragma once
#include <cstdint>
#include <vector>

#include "core/slab.h"
#include "relay/datagram/flow.h"

namespace millrace {

class FlowTable {
 public:
  explicit FlowTable(Slab<Flow>& flows);

  uint64_t hash(const FlowSought& sought) const;
  Flow* find(const FlowSought& sought, uint64_t hash) const;
  /// The key must not be there.
  void insert(const Flow& flow, uint64_t hash);
  void erase(const Flow& flow);
  size_t size() const { return size_; }

 private:
  struct Place {
    uint32_t hash = 0;
    uint32_t index = empty;
  };
  static constexpr uint32_t empty = UINT32_MAX;

  void grow();
  size_t mask() const { return places_.size() - 1; }

  Slab<Flow>& flows_;
  uint64_t seed_;
  size_t size_ = 0;
  std::vector<Place> places_;
};

}  // namespace millrace
