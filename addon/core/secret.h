// Seeds for hash tables whose keys a peer chooses: with a secret one it cannot choose them to collide (internal). Any thread; never fails.
#pragma once
#include <sys/random.h>

#include <cstdint>

namespace millrace {

/// `fallback`: an address, where the system has no random bytes yet.
inline uint64_t randomSeed(const void* fallback) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = reinterpret_cast<uintptr_t>(fallback);
  return seed;
}

}  // namespace millrace
