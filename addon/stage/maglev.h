// Maglev hashing: which member a source goes to, by one look into a table (Eisenbud et al., NSDI 2016, section 3.4; weights as turns).
// Owns the table. One loop's thread only. Does not fail; a table without members says `none`.
// Invariant: the table depends on the members' keys and weights alone, not on their order, so all who know the same members agree.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

class Maglev {
 public:
  /// A prime, so that every skip comes by every place; with a hundred members each has within 1 % of its share.
  static constexpr uint32_t places = 65'537;
  static constexpr uint32_t none = UINT32_MAX;

  struct Member {
    uint64_t key;     // a hash of what names it: no two have the same
    uint32_t weight;  // its share; 0: it has no place
    uint32_t index;   // what the table says
  };

  void build(std::span<const Member> members);
  /// The member of a place; any number is one.
  uint32_t at(uint64_t place) const { return table_.empty() ? none : table_[place % places]; }

 private:
  std::vector<uint32_t> table_;
};

}  // namespace millrace
