// Runs: what one sendmmsg(2) carries (internal). A run is datagrams of one flow and size, the last maybe shorter, that leave as one send with
// UDP_SEGMENT; its vectors point to where the datagrams were received. Owns the headers. One loop's thread only.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "core/address.h"

namespace millrace {

struct Flow;

struct Run {
  /// What every kernel takes, and below the 65,507 bytes of the largest datagram.
  static constexpr uint32_t mostSegments = 64;
  static constexpr uint32_t mostBytes = 65'000;

  Flow* flow = nullptr;
  uint32_t firstVector = 0;
  uint32_t vectors = 0;
  uint32_t segments = 0;
  uint32_t segment = 0;
  uint32_t bytes = 0;
  bool ended = false;  // by a shorter datagram
};

struct Runs {
  static constexpr size_t most = 64;
  static constexpr size_t mostVectors = 1024;
  static constexpr size_t controlBytes = CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(in6_pktinfo));

  size_t count = 0;
  uint32_t vectorCount = 0;
  std::array<Run, most> runs{};
  std::array<mmsghdr, most> headers{};
  std::array<SocketAddress, most> names{};
  std::array<iovec, mostVectors> vectors{};
  alignas(cmsghdr) uint8_t control[most][controlBytes];
};

}  // namespace millrace
