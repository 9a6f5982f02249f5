// How a set of upstreams chooses (internal): pure functions over its candidates. Own nothing; any thread. Each returns an index, or
// `Candidate::none` where all weights are 0. Sources are hashed by address without port, with a seed that never changes, so shards, restarts and other machines agree.
#pragma once
#include <cstdint>
#include <span>

namespace millrace {

enum class Balance : uint8_t { roundRobin, leastSessions, random2, sourceHash, maglev };

/// The state of SplitMix64.
struct Dice {
  uint64_t state;
  uint64_t next();
  /// 0 to bound - 1.
  uint64_t below(uint64_t bound);
};

struct Candidate {
  static constexpr uint32_t none = UINT32_MAX;
  uint64_t key = 0;      // a hash of what names it
  uint64_t weight = 0;   // for this choice; 0: not to be chosen
  uint32_t sessions = 0; // that are open there
  int64_t credit = 0;    // of roundRobin: what it is owed
};

/// Each in turn, by weight, and the turns of a heavy one spread (the smooth weighted round robin of nginx).
uint32_t pickRoundRobin(std::span<Candidate> all);
/// The fewest open sessions for its weight; of equals the first from `first` on.
uint32_t pickLeastSessions(std::span<const Candidate> all, uint32_t first);
/// Of two that are drawn by weight, the one with fewer sessions for its weight (the power of two choices).
uint32_t pickRandom2(std::span<const Candidate> all, Dice& dice);
/// Weighted rendezvous hashing: the highest score for this source, so that who leaves moves nobody else's sources.
uint32_t pickSourceHash(std::span<const Candidate> all, uint64_t source);

}  // namespace millrace
