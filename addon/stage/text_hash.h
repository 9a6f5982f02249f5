// A hash of text that is the same in every process and on every machine (internal). Not for tables whose keys a peer chooses.
#pragma once
#include <cstdint>
#include <string_view>

namespace millrace {

/// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
constexpr uint64_t mixBits(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ value >> 27) * 0x94d049bb133111ebull;
  return value ^ value >> 31;
}

/// FNV-1a, mixed: texts that differ in one digit are far apart.
constexpr uint64_t hashText(std::string_view text, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325ull ^ mixBits(seed);
  for (const char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001b3ull;
  return mixBits(hash);
}

}  // namespace millrace
