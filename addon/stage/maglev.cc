#include "stage/maglev.h"

#include <algorithm>

#include "stage/text_hash.h"

namespace millrace {
namespace {

/// A member's own order of all places, as far as it has come.
struct Preference {
  uint64_t key;
  uint32_t weight;
  uint32_t index;
  uint32_t place;
  uint32_t skip;
  uint64_t turns = 0;  // places it may have had by now, times the largest weight
};

}  // namespace

void Maglev::build(std::span<const Member> members) {
  std::vector<Preference> order;
  uint64_t most = 0;
  for (const Member& member : members) {
    if (member.weight == 0) continue;
    most = std::max<uint64_t>(most, member.weight);
    const uint64_t offset = mixBits(member.key ^ 0x9e3779b97f4a7c15ull), skip = mixBits(member.key ^ 0xd1b54a32d192ed03ull);
    order.push_back({member.key, member.weight, member.index, uint32_t(offset % places), uint32_t(skip % (places - 1) + 1)});
  }
  table_.clear();
  if (order.empty()) return;
  table_.assign(places, none);
  std::sort(order.begin(), order.end(), [](const Preference& a, const Preference& b) { return a.key < b.key; });
  for (uint32_t filled = 0;;) {
    for (Preference& member : order) {
      // In each round the heaviest has one turn, and the others their share of one.
      member.turns += member.weight;
      if (member.turns < most) continue;
      member.turns -= most;
      while (table_[member.place] != none) member.place = (member.place + member.skip) % places;
      table_[member.place] = member.index;
      if (++filled == places) return;
    }
  }
}

}  // namespace millrace
