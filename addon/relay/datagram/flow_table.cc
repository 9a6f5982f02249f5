#include "relay/datagram/flow_table.h"

#include <cassert>
#include <utility>

#include "core/secret.h"

namespace millrace {
namespace {

constexpr size_t smallestTable = 64;

const ProxiedPeers* keeping(const FlowSought& sought) { return sought.keptBySaid ? sought.said : nullptr; }

bool same(const ProxiedPeers* a, const ProxiedPeers* b) { return a && b ? *a == *b : a == b; }

}  // namespace

FlowTable::FlowTable(Slab<Flow>& flows) : flows_(flows), seed_(randomSeed(this)), places_(smallestTable) {}

uint64_t FlowTable::hash(const FlowSought& sought) const {
  const FlowKey& key = sought.key;
  const uint64_t place = uint64_t{key.listener} << 32 | (key.sink ^ key.scope << 16);
  uint64_t more = key.local.family == 0 ? 0 : key.local.hashWithoutPort(seed_);
  if (const ProxiedPeers* said = keeping(sought)) more ^= said->source.hashWithPort(said->destination.hashWithPort(seed_ ^ more));
  return key.peer.hashWithPort(seed_ ^ more ^ place * 0x9e3779b97f4a7c15ull);
}

Flow* FlowTable::find(const FlowSought& sought, uint64_t hash) const {
  for (size_t at = hash & mask();; at = (at + 1) & mask()) {
    const Place& place = places_[at];
    if (place.index == empty) return nullptr;
    if (place.hash != uint32_t(hash)) continue;
    Flow* flow = flows_.at(place.index);
    if (flow->key == sought.key && same(keeping(flow->sought()), keeping(sought))) return flow;
  }
}

void FlowTable::insert(const Flow& flow, uint64_t hash) {
  if ((size_ + 1) * 4 > places_.size() * 3) grow();
  size_t at = hash & mask();
  while (places_[at].index != empty) at = (at + 1) & mask();
  places_[at] = {uint32_t(hash), flow.token.index};
  ++size_;
}

// Moves later places of the run back, so that no search meets a gap before what it looks for.
void FlowTable::erase(const Flow& flow) {
  size_t gap = hash(flow.sought()) & mask();
  while (places_[gap].index != flow.token.index) {
    assert(places_[gap].index != empty);
    gap = (gap + 1) & mask();
  }
  for (size_t at = (gap + 1) & mask(); places_[at].index != empty; at = (at + 1) & mask()) {
    const size_t distance = (at - (places_[at].hash & mask())) & mask();
    if (distance < ((at - gap) & mask())) continue;
    places_[gap] = places_[at];
    gap = at;
  }
  places_[gap] = Place{};
  --size_;
}

void FlowTable::grow() {
  const std::vector<Place> old = std::exchange(places_, std::vector<Place>(places_.size() * 2));
  for (const Place& place : old) {
    if (place.index == empty) continue;
    size_t at = place.hash & mask();
    while (places_[at].index != empty) at = (at + 1) & mask();
    places_[at] = place;
  }
}

}  // namespace millrace
