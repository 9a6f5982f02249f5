// How the datagrams of an association leave, and the books of them (internal). One loop's thread only. What is sent together is sent by one sendmmsg(2), from where it lies.
// Invariant: after sendAll() every one of them is counted as sent, or as dropped with a reason.
#pragma once
#include "relay/context.h"

namespace millrace {

void countReceived(Context& c, const Session& s, unsigned d, size_t bytes);
void countDropped(Context& c, const Session& s, unsigned d, DropReason reason, size_t bytes, uint64_t datagrams = 1);

/// A socket for datagrams at this address, or -errno.
int openBound(Fd& fd, const SocketAddress& at);
int watchAssociation(Context& c, const Session& s, const Fd& fd, uint8_t kind, uint8_t side);

struct Outgoing {
  msghdr header{};
  iovec vector{};
  SocketAddress to;
};

/// A refused one costs only itself, but that a full buffer takes no other either.
void sendAll(Context& c, Session& s, int fd, unsigned d, std::span<Outgoing> list);
/// The throttle of the session drops what is over the rate, as it does for all datagrams.
bool mayPass(Context& c, Session& s, unsigned d, size_t bytes);

/// Towards destinations.
struct Batch {
  std::array<std::array<Outgoing, AssociationSlots::most>, 2> list;  // by family
  std::array<size_t, 2> count{};
};

/// A payload goes to where it may.
void addTo(Batch& batch, Context& c, Session& s, Association& a, const PeerAddress& to, std::span<uint8_t> payload);
void sendBatch(Batch& batch, Context& c, Session& s, Association& a);

}  // namespace millrace
