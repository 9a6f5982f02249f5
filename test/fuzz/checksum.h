// Checksums bit by bit, slow and beyond doubt: the parsers have tables.
#pragma once

#include <cstdint>
#include <span>

inline constexpr uint32_t crc32 = 0xedb88320;   // of Ethernet, which STUN's FINGERPRINT is made of
inline constexpr uint32_t crc32c = 0x82f63b78;  // of iSCSI, which the PROXY protocol has

inline uint32_t reflectedCrc(uint32_t polynomial, std::span<const uint8_t> bytes) {
  uint32_t crc = ~0u;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
  }
  return ~crc;
}
