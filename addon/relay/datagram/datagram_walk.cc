#include "relay/datagram/datagram_walk.h"

#include <algorithm>

#include "relay/datagram/flow_life.h"

namespace millrace {
namespace {

constexpr uint32_t mostHeadBytes = 16'384;

FlowKey keyOf(const DatagramFrom& from, uint32_t place) {
  FlowKey key{from.peer, {}, from.listener.index, place, from.received.scope()};
  if (from.listener.socket.tellsLocal) key.local = from.received.local;
  return key;
}

Flow* flowAt(FlowContext& f, const DatagramFrom& from, uint32_t place) {
  const FlowKey key = keyOf(from, place);
  return f.table.find(key, f.table.hash(key));
}

/// The first branch that a matcher says yes to, or that has begun a flow of this peer which it keeps.
size_t chooseBranch(FlowContext& f, const DatagramFrom& from, const Node& node, const MatchInput& input, DatagramWay& way) {
  for (size_t i = 0; i < node.when.size(); ++i) {
    const Matcher& matcher = *node.when[i];
    const bool matches = matcher.match(input) == Match::yes;
    if (matcher.beginsFlow() && way.place == 0) {
      if ((way.flow = flowAt(f, from, node.next[i])) || matches) way.place = node.next[i];
      if (way.flow) return i;
    }
    if (matches) return i;
  }
  return node.when.size();
}

}  // namespace

DatagramWay walkDatagram(FlowContext& f, const DatagramFrom& from, std::span<const uint8_t> bytes) {
  const Plan& plan = f.c.plans[from.listener.plan]->plan;
  const MatchInput input{from.peer, bytes.first(std::min<size_t>(bytes.size(), mostHeadBytes)), true, true};
  DatagramWay way;
  uint32_t at = 0;
  for (;;) {
    const Node& node = plan.nodes[at];
    switch (node.op) {
      case Op::allow:
        if (!node.allow->admits(from.peer)) return {};
        at = node.next[0];
        break;
      case Op::deny:
        if (!node.deny->admits(from.peer)) return {};
        at = node.next[0];
        break;
      case Op::limit:
        at = node.next[0];
        break;
      case Op::route:
        at = node.next[chooseBranch(f, from, node, input, way)];
        if (way.flow) return {way.flow->node, way.place, way.flow};
        break;
      case Op::close:
      case Op::reset:
        return {};
      default:
        return {at, way.place == 0 ? at : way.place, nullptr};
    }
  }
}

Flow* flowOn(FlowContext& f, const DatagramFrom& from, const DatagramWay& way, DropReason& why) {
  why = DropReason::policy;
  if (way.flow || way.sink == Node::none) return way.flow;
  const FlowKey key = keyOf(from, way.place);
  const uint64_t hash = f.table.hash(key);
  if (Flow* flow = f.table.find(key, hash)) return flow;
  return beginFlow(f, from.listener, key, hash, way.sink, why);
}

Flow* flowOf(FlowContext& f, const DatagramFrom& from, DropReason& why) {
  const FlowKey key = keyOf(from, 0);
  const uint64_t hash = f.table.hash(key);
  if (Flow* flow = f.table.find(key, hash)) return flow;
  why = DropReason::policy;
  const DatagramWay way = walkDatagram(f, from, {from.received.data, from.received.length});
  return way.sink == Node::none ? nullptr : beginFlow(f, from.listener, key, hash, way.sink, why);
}

}  // namespace millrace
