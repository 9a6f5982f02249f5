// Bytes in an allocation of exactly their size, so that ASan sees every byte read past them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

/// What `read` answers to a copy of the bytes. The copy is gone afterwards: an answer must own what it says.
template <class Read>
auto exactly(std::span<const uint8_t> bytes, Read&& read) {
  // Of no bytes they are the end of an allocation of one, which must not be read either: ASan cannot guard one of none.
  const size_t size = std::max<size_t>(bytes.size(), 1);
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  uint8_t* const begin = copy.get() + (size - bytes.size());
  if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
  return read(std::span<const uint8_t>(begin, bytes.size()));
}
