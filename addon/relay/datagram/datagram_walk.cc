#include "relay/datagram/datagram_walk.h"

#include <algorithm>

#include "relay/datagram/flow_life.h"
#include "relay/datagram/proxied_intake.h"

namespace millrace {
namespace {

constexpr uint32_t mostHeadBytes = 16'384;

/// Not to be kept for longer than `way`.
FlowSought soughtBy(const DatagramFrom& from, uint32_t place, const DatagramWay& way) {
  FlowSought sought{{from.peer, {}, from.listener.index, place, from.received.scope()}, way.said ? &*way.said : nullptr, way.keyed};
  if (from.listener.socket.tellsLocal) sought.key.local = from.received.local;
  return sought;
}

Flow* flowAt(FlowContext& f, const DatagramFrom& from, uint32_t place, const DatagramWay& way) {
  const FlowSought sought = soughtBy(from, place, way);
  return f.table.find(sought, f.table.hash(sought));
}

/// The first branch that a matcher says yes to, or that has begun a flow of this peer which it keeps.
size_t chooseBranch(FlowContext& f, const DatagramFrom& from, const Node& node, const MatchInput& input, DatagramWay& way) {
  for (size_t i = 0; i < node.when.size(); ++i) {
    const Matcher& matcher = *node.when[i];
    const bool matches = matcher.match(input) == Match::yes;
    if (matcher.beginsFlow() && way.place == 0) {
      if ((way.flow = flowAt(f, from, node.next[i], way)) || matches) way.place = node.next[i];
      if (way.flow) return i;
    }
    if (matches) return i;
  }
  return node.when.size();
}

}  // namespace

DatagramWay walkDatagram(FlowContext& f, const DatagramFrom& from, std::span<const uint8_t> bytes) {
  const Plan& plan = f.c.plans[from.listener.plan]->plan;
  DatagramWay way;
  PeerAddress peer = from.peer;
  uint32_t at = 0;
  for (;;) {
    const Node& node = plan.nodes[at];
    switch (node.op) {
      case Op::allow:
        if (!node.allow->admits(peer)) return {};
        at = node.next[0];
        break;
      case Op::deny:
        if (!node.deny->admits(peer)) return {};
        at = node.next[0];
        break;
      case Op::limit:
        at = node.next[0];
        break;
      case Op::proxyProtocol:
        at = node.next[0];
        if (!node.proxy->expects(peer)) break;
        if (node.proxy->dialect == ProxyDialect::first && way.place == 0) {
          way.place = uint32_t(plan.nodes.size()) + at;  // a place that no sink and no branch has
          if ((way.flow = flowAt(f, from, way.place, way))) return way;
        }
        if (!takeHeader(*node.proxy, bytes.subspan(way.headerBytes), way)) return way;
        if (way.said) peer = way.said->source;
        break;
      case Op::route: {
        const auto head = bytes.subspan(way.headerBytes);
        at = node.next[chooseBranch(f, from, node, {peer, head.first(std::min<size_t>(head.size(), mostHeadBytes)), true, true}, way)];
        if (way.flow) return way;
        break;
      }
      case Op::close:
      case Op::reset:
        return {};
      default:
        way.sink = at;
        if (way.place == 0) way.place = at;
        return way;
    }
  }
}

Flow* flowOn(FlowContext& f, const DatagramFrom& from, const DatagramWay& way, DropReason& why) {
  why = way.why;
  if (way.sink == Node::none) return way.flow;
  const FlowSought sought = soughtBy(from, way.place, way);
  const uint64_t hash = f.table.hash(sought);
  if (Flow* flow = f.table.find(sought, hash)) return flow;
  return beginFlow(f, from.listener, sought, hash, way.sink, why);
}

Flow* flowOf(FlowContext& f, const DatagramFrom& from, DropReason& why) {
  const FlowSought sought = soughtBy(from, 0, {});
  const uint64_t hash = f.table.hash(sought);
  if (Flow* flow = f.table.find(sought, hash)) return flow;
  why = DropReason::policy;
  const DatagramWay way = walkDatagram(f, from, {from.received.data, from.received.length});
  return way.sink == Node::none ? nullptr : beginFlow(f, from.listener, sought, hash, way.sink, why);
}

}  // namespace millrace
