// What a socket does not take for now: the part of Sending that keeps copies, and sends or drops them later.
#include <cstring>

#include "relay/datagram/flow_member.h"
#include "relay/datagram/sending.h"

namespace millrace {

/// Keeps a copy, or drops it where as much as may be is pending already.
void Sending::keep(const Addressee& to, const uint8_t* data, uint32_t length) {
  if (!socket.pending) socket.pending = std::make_unique<PendingDatagrams>();
  PendingDatagrams& pending = *socket.pending;
  const size_t cost = length + PendingDatagrams::overhead;
  const bool fits = pending.bytes + cost <= PendingDatagrams::maxPendingBytes && f.pendingBytes + cost <= f.c.options.maxPendingBytes;
  if (!fits) {
    countDropped(f, to.plan, to.flow, direction, DropReason::sendBufferFull, 1, length);
    if (to.flow && direction == toUpstream && pending.list.empty()) noteUnsent(f, *to.flow);
    return;
  }
  PendingDatagram one{std::make_unique<uint8_t[]>(length), length, to.flow && !to.flow->over ? to.flow->token : Token{}, to.plan, to.peer, to.local, to.scope};
  if (length > 0) std::memcpy(one.data.get(), data, length);
  pending.list.push_back(std::move(one));
  pending.bytes += cost;
  f.pendingBytes += cost;
}

void Sending::flushPending() {
  while (socket.hasPending()) {
    PendingDatagram& one = socket.pending->list.front();
    Flow* flow = f.flows.find(one.flow);
    iovec vector{one.data.get(), one.length};
    msghdr header{.msg_iov = &vector, .msg_iovlen = 1};
    uint8_t control[Runs::controlBytes];
    const SocketAddress name = socket.named ? SocketAddress::of(one.peer, socket.family, one.scope) : SocketAddress();
    address(header, control, nameOf(name), one.local, one.scope, 1, 0);
    if (attempt(header, flow, one.plan, 1, one.length) == Outcome::blocked) return;
    pop();
  }
  watch(false);
  socket.pending.reset();
}

void Sending::dropPending(DropReason reason) {
  while (socket.hasPending()) {
    const PendingDatagram& one = socket.pending->list.front();
    countDropped(f, one.plan, f.flows.find(one.flow), direction, reason, 1, one.length);
    pop();
  }
  socket.pending.reset();
}

void Sending::pop() {
  const size_t cost = socket.pending->list.front().length + PendingDatagrams::overhead;
  socket.pending->bytes -= cost;
  f.pendingBytes -= cost;
  socket.pending->list.pop_front();
}

}  // namespace millrace
