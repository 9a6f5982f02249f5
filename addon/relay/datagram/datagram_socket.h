// DatagramSocket: a UDP socket of a relay and what waits to leave by it (internal). Owns the descriptor and copies of the datagrams that the
// kernel has refused for now. One loop's thread only. A listener's is unconnected and shared by all its flows; a flow's own is connected to
// its upstream. openListening() returns a SysError as Node would word it, openConnected() 0 or -errno.
// Invariant: the pending bytes of a socket stay below maxPendingBytes; what follows a pending datagram is pending too, so order is kept.
#pragma once
#include <deque>
#include <memory>

#include "core/poller.h"
#include "core/reuseport.h"
#include "relay/plan.h"

namespace millrace {

constexpr int flowReceiveBuffer = 1024 * 1024;  // asked for: a window of replies, each of which is charged several times its size

struct PendingDatagram {
  std::unique_ptr<uint8_t[]> data;
  uint32_t length;
  Token flow;         // may be over: the datagram goes to its peer all the same
  uint16_t plan;
  PeerAddress peer;   // of an unconnected socket
  PeerAddress local;
  uint32_t scope;
};

struct PendingDatagrams {
  /// What one of them counts for beside its bytes: empty datagrams take memory too.
  static constexpr size_t overhead = sizeof(PendingDatagram) + 32;
  static constexpr size_t maxPendingBytes = 1024 * 1024;
  std::deque<PendingDatagram> list;
  size_t bytes = 0;
};

struct DatagramSocket {
  Fd fd;
  Key key;
  uint8_t family = 0;
  bool named = false;         // unconnected: every datagram carries its address
  bool tellsLocal = false;    // bound to all addresses: every datagram carries the one it was sent to
  bool watched = false;
  bool watchesOut = false;
  uint32_t overflow = 0;      // what SO_RXQ_OVFL said last
  uint64_t segmentationOffUntilMs = 0;
  std::unique_ptr<PendingDatagrams> pending;

  /// Beside EPOLLOUT. An edge for listeners, which would otherwise be ahead of all others that are ready; their readers ask for another event where something
  /// may be left. A level for flows: one datagram is read, and whether there is another need not be asked of each of thousands.
  uint32_t watchedFor() const { return uint32_t{EPOLLIN} | (named ? uint32_t{EPOLLET} : 0u); }
  bool hasPending() const { return pending && !pending->list.empty(); }
};

struct ListeningSocket {
  DatagramSocket socket;
  SocketAddress bound;
  int receiveBufferBytes;  // as obtained
};

/// `closed`: nothing is received before acceptDatagrams().
Result<ListeningSocket> openListening(const SocketAddress& address, const Plan& plan, Sharing sharing, bool closed);
void acceptDatagrams(DatagramSocket& socket);
/// From the first of `sources` that has a port left.
int openConnected(DatagramSocket& socket, const SocketAddress& to, SourceAddresses& sources, uint64_t nowMs);

}  // namespace millrace
