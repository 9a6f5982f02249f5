#include "relay/datagram/egress.h"

#include <algorithm>

#include "relay/datagram/sending.h"

namespace millrace {

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
  for (Flow* flow : f.touched[toUpstream]) sendUpstream(f, *flow);
  f.touched[toUpstream].clear();
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
}

void flushPending(FlowContext& f, Flow& flow) { Sending{f, flow.upstream, toUpstream}.flushPending(); }
void flushPending(FlowContext& f, DatagramListener& listener) { Sending{f, listener.socket, toDownstream}.flushPending(); }
void dropPending(FlowContext& f, Flow& flow, DropReason reason) { Sending{f, flow.upstream, toUpstream}.dropPending(reason); }
void dropPending(FlowContext& f, DatagramListener& listener, DropReason reason) { Sending{f, listener.socket, toDownstream}.dropPending(reason); }

}  // namespace millrace
