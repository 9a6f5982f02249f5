#include "relay/datagram/egress.h"

#include <algorithm>

#include "relay/datagram/sending.h"

namespace millrace {

namespace {

/// Room for what one flow may have in a turn, most of the time.
constexpr uint32_t vectorsAFlow = 64;

/// Sends the runs that have been gathered, each by its own flow's socket, with one entry into the kernel for all of them.
void sendTogether(FlowContext& f) {
  Runs& r = f.runs;
  for (size_t i = 0; i < r.count; ++i) {
    DatagramSocket& socket = r.runs[i].flow->upstream;
    const msghdr& header = Sending{f, socket, toUpstream}.prepare(i);
    if (needsHeader(header)) f.c.calls.sendmsg(socket.fd.get(), header);
    else f.c.calls.send(socket.fd.get(), header.msg_iov->iov_base, header.msg_iov->iov_len);
  }
  const auto results = f.c.calls.run();
  for (size_t i = 0; i < results.size(); ++i) Sending{f, r.runs[i].flow->upstream, toUpstream}.settle(i, results[i]);
  r.count = r.vectorCount = 0;
}

/// A flow has a socket of its own, so a flow with one datagram costs a system call; of many such flows most of that is the entry into the kernel. One
/// with several runs sends them by itself: each has to know what became of the one before.
void flushUpstreams(FlowContext& f) {
  const Runs& r = f.runs;
  const bool together = f.touched[toUpstream].size() > 1 && f.c.calls.isOne();
  for (Flow* flow : f.touched[toUpstream]) {
    if (flow->turn[toUpstream].first == TurnList::none) continue;
    if (r.count == Runs::most || r.vectorCount + vectorsAFlow > Runs::mostVectors) sendTogether(f);
    Sending sending{f, flow->upstream, toUpstream};
    sending.gather(*flow);
    const bool open = flow->upstream.fd && !flow->upstream.hasPending();
    if (!together || !open || sending.gathered() > 1) sending.send();
  }
  sendTogether(f);
  f.touched[toUpstream].clear();
}

}  // namespace

void enqueue(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment) {
  TurnList& list = flow.turn[direction];
  segment = std::min(segment, length);
  if (list.last != TurnList::none) {
    // What JS has seen one by one leaves as the train that it came as.
    Message& last = f.messages[list.last];
    const bool whole = last.segment > 0 && last.length % last.segment == 0;
    if (whole && length > 0 && length <= last.segment && last.data + last.length == data && last.count() < Run::mostSegments && last.length + length <= Run::mostBytes) {
      last.length += length;
      return;
    }
  }
  const auto place = uint32_t(f.messages.size());
  f.messages.push_back({data, length, segment, TurnList::none});
  if (list.last == TurnList::none) {
    list.first = place;
    f.touched[direction].push_back(&flow);
  } else {
    f.messages[list.last].next = place;
  }
  list.last = place;
}

void sendUpstream(FlowContext& f, Flow& flow) {
  if (flow.turn[toUpstream].first == TurnList::none) return;
  Sending sending{f, flow.upstream, toUpstream};
  sending.gather(flow);
  sending.send();
}

void flushTurn(FlowContext& f) {
  flushUpstreams(f);
  auto& back = f.touched[toDownstream];
  const auto byListener = [](const Flow* a, const Flow* b) { return a->listener->index < b->listener->index; };
  if (f.listeners.size() > 1 && !std::is_sorted(back.begin(), back.end(), byListener)) std::stable_sort(back.begin(), back.end(), byListener);
  for (size_t at = 0; at < back.size();) {
    DatagramListener& listener = *back[at]->listener;
    Sending sending{f, listener.socket, toDownstream};
    for (; at < back.size() && back[at]->listener == &listener; ++at) sending.gather(*back[at]);
    sending.send();
  }
  back.clear();
  f.messages.clear();
  f.proxied.clear();
}

void flushPending(FlowContext& f, Flow& flow) { Sending{f, flow.upstream, toUpstream}.flushPending(); }
void flushPending(FlowContext& f, DatagramListener& listener) { Sending{f, listener.socket, toDownstream}.flushPending(); }
void dropPending(FlowContext& f, Flow& flow, DropReason reason) { Sending{f, flow.upstream, toUpstream}.dropPending(reason); }
void dropPending(FlowContext& f, DatagramListener& listener, DropReason reason) { Sending{f, listener.socket, toDownstream}.dropPending(reason); }

}  // namespace millrace
