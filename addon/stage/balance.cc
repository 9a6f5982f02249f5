#include "stage/balance.h"

#include <cmath>

#include "stage/text_hash.h"

namespace millrace {
namespace {

/// Whether `a` has fewer sessions for its weight than `b`, the session that is to come among them.
bool isLessBusy(const Candidate& a, const Candidate& b) {
  return static_cast<unsigned __int128>(a.sessions + 1ull) * b.weight < static_cast<unsigned __int128>(b.sessions + 1ull) * a.weight;
}

uint64_t totalWeight(std::span<const Candidate> all) {
  uint64_t total = 0;
  for (const Candidate& one : all) total += one.weight;
  return total;
}

uint32_t draw(std::span<const Candidate> all, uint64_t total, Dice& dice, uint32_t without) {
  uint64_t left = dice.below(total);
  for (uint32_t i = 0; i < all.size(); ++i) {
    if (i == without) continue;
    if (left < all[i].weight) return i;
    left -= all[i].weight;
  }
  return Candidate::none;
}

}  // namespace

uint64_t Dice::next() { return mixBits(state += 0x9e3779b97f4a7c15ull); }

uint64_t Dice::below(uint64_t bound) { return uint64_t(static_cast<unsigned __int128>(next()) * bound >> 64); }

uint32_t pickRoundRobin(std::span<Candidate> all) {
  uint32_t best = Candidate::none;
  int64_t total = 0;
  for (uint32_t i = 0; i < all.size(); ++i) {
    Candidate& one = all[i];
    if (one.weight == 0) continue;
    one.credit += int64_t(one.weight);
    total += int64_t(one.weight);
    if (best == Candidate::none || one.credit > all[best].credit) best = i;
  }
  if (best != Candidate::none) all[best].credit -= total;
  return best;
}

uint32_t pickLeastSessions(std::span<const Candidate> all, uint32_t first) {
  uint32_t best = Candidate::none;
  for (uint32_t i = 0; i < all.size(); ++i) {
    const auto at = uint32_t((first + uint64_t(i)) % all.size());
    if (all[at].weight > 0 && (best == Candidate::none || isLessBusy(all[at], all[best]))) best = at;
  }
  return best;
}

uint32_t pickRandom2(std::span<const Candidate> all, Dice& dice) {
  const uint64_t total = totalWeight(all);
  if (total == 0) return Candidate::none;
  const uint32_t one = draw(all, total, dice, Candidate::none);
  if (total == all[one].weight) return one;
  const uint32_t other = draw(all, total - all[one].weight, dice, one);
  return isLessBusy(all[other], all[one]) ? other : one;
}

uint32_t pickSourceHash(std::span<const Candidate> all, uint64_t source) {
  uint32_t best = Candidate::none;
  double highest = 0;
  for (uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].weight == 0) continue;
    // -weight / ln(u) for u in (0, 1) makes the chance to be the highest the share of the weight.
    const double u = (double(mixBits(source ^ all[i].key) >> 12) + 0.5) * 0x1p-52;
    const double score = -double(all[i].weight) / std::log(u);
    if (best != Candidate::none && (score < highest || (score == highest && all[i].key > all[best].key))) continue;
    best = i;
    highest = score;
  }
  return best;
}

}  // namespace millrace
