// Trains: datagrams of one size, the last maybe shorter, that the kernel takes or gives as one, by UDP_SEGMENT and UDP_GRO (internal). Pure
// functions, any thread. A datagram alone is a train of one, and so is an empty one.
#pragma once
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace millrace {

/// How many datagrams are in `length` bytes.
constexpr uint32_t datagramsIn(uint32_t length, uint32_t segment) { return length <= segment ? 1 : (length + segment - 1) / segment; }

/// visit(data, length) for each of them, in order.
template <class F>
void eachDatagram(const uint8_t* data, uint32_t length, uint32_t segment, F&& visit) {
  uint32_t at = 0;
  do {
    const uint32_t size = std::min(segment, length - at);
    visit(data + at, size);
    at += size;
  } while (at < length);
}

/// Writes one control message at `control`, which has CMSG_SPACE for it; returns that space.
inline size_t putControl(uint8_t* control, int level, int type, const void* data, size_t size) {
  const cmsghdr head{.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
  std::memcpy(control, &head, sizeof head);
  std::memcpy(control + CMSG_LEN(0), data, size);
  return CMSG_SPACE(size);
}

/// Has a send cut into datagrams of `segment` bytes.
inline size_t putSegment(uint8_t* control, uint32_t segment) {
  const auto size = uint16_t(segment);
  return putControl(control, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
}

}  // namespace millrace
