// DatagramReceiver: where received datagrams lie until the turn is over (internal). Owns the headers of recvmmsg(2) and shares the memory
// of its slots with the host. One loop's thread only. receive() returns a count or -errno and puts each datagram, or train of datagrams
// that UDP_GRO has joined, into a slot of its own; it stays there until reset().
// Slots hold the largest datagram there can be, so nothing is cut; their stride is not a power of two, since slots that begin at the same
// place of every page would fight for the same lines of the first-level cache.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/peer_address.h"

namespace millrace {

/// What one slot holds. Datagrams of a train are `segment` bytes long, the last maybe shorter.
struct Received {
  uint8_t* data = nullptr;
  uint32_t length = 0;
  uint32_t segment = 0;
  const sockaddr_storage* name = nullptr;  // of a socket that is not connected
  socklen_t nameLength = 0;
  bool truncated = false;
  bool hasOverflow = false;
  uint32_t overflow = 0;  // datagrams that the socket has lost since it was made, where hasOverflow
  PeerAddress local{};    // the address it was sent to, without port; family 0 where the socket does not tell

  /// Of a link-local IPv6 name; 0 for others.
  uint32_t scope() const { return name->ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(name)->sin6_scope_id : 0; }
};

/// What a turn has received.
struct Taken {
  uint32_t messages = 0;  // datagrams, or trains of them
  uint32_t datagrams = 0;
  size_t bytes = 0;
};

class DatagramReceiver {
 public:
  static constexpr size_t slotBytes = 65536 + 320;
  static constexpr size_t slotCount = 256;
  static constexpr unsigned most = 64;  // datagrams, or trains, of one call

  /// `memory`: slotCount × slotBytes, or nothing where no datagram is ever received.
  explicit DatagramReceiver(std::span<uint8_t> memory);

  /// Up to `wanted` of them, and no more than room(); 0 where no slot is free. `named`: from a socket that is not connected.
  int receive(int fd, bool named, unsigned wanted = most);
  /// For receives that are made elsewhere, each into a free slot: the header for the one that is `ahead` of the next, below room(), ...
  msghdr& headerAhead(unsigned ahead) { return connected_[used_ + ahead].msg_hdr; }
  /// ... what has come into it, ...
  const Received& tookAhead(unsigned ahead, uint32_t length);
  /// ... and that so many slots are used up, whether something has come or not.
  void useUp(unsigned slots) { used_ += slots; }
  /// The slots that the next receive() has: `most`, or as many as are free.
  unsigned room() const { return unsigned(std::min(size_t{most}, slots_ - used_)); }
  /// Of what receive() has just received.
  const Received& operator[](int i) const { return received_[size_t(i)]; }

  /// Enough for a turn: the slots, and what the second-level cache is likely to hold.
  bool full() const { return used_ >= slots_ || bytes_ >= turnBytes; }
  void reset() {
    used_ = bytes_ = 0;
    taken_ = {};
  }
  /// Since reset(), rewound or not.
  const Taken& taken() const { return taken_; }
  /// For what is looked at and not kept: rewind() frees what has been received since mark().
  struct Mark {
    size_t used, bytes;
  };
  Mark mark() const { return {used_, bytes_}; }
  void rewind(Mark to) {
    used_ = to.used;
    bytes_ = to.bytes;
  }

 private:
  static constexpr size_t turnBytes = 1024 * 1024;
  static constexpr size_t controlBytes = CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo));

  void read(size_t i, mmsghdr& header);

  size_t slots_;
  size_t used_ = 0;
  size_t bytes_ = 0;
  Taken taken_;
  // One a slot, ready to be received into: what the kernel has written is put right as it is read, so a call costs what it brings.
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> named_, connected_;
  // One a datagram of a call; a slot has those at its place modulo `most`.
  std::array<sockaddr_storage, most> names_{};
  alignas(cmsghdr) uint8_t control_[most][controlBytes];
  std::array<Received, most> received_{};
};

}  // namespace millrace
