// The `limit` stages on the way to a node (internal). One loop's thread only. Nodes are reached on one path, so `parent` leads over all of them.
// Invariant: who was admitted by all is released by all, once; who was refused holds no count.
#pragma once
#include <span>

#include "relay/plan.h"

namespace millrace {

/// Gives back what the limits above the node have counted for the peer, up to and without `until`.
inline void releaseLimits(std::span<const Node> nodes, uint32_t node, const PeerAddress& peer, uint32_t until = Node::none) {
  for (uint32_t at = nodes[node].parent; at != until; at = nodes[at].parent) {
    if (nodes[at].limit) nodes[at].limit->release(peer);
  }
}

/// Whether all limits above the node let one more in.
inline bool admitLimits(std::span<const Node> nodes, uint32_t node, const PeerAddress& peer, uint64_t nowMs) {
  for (uint32_t at = nodes[node].parent; at != Node::none; at = nodes[at].parent) {
    if (!nodes[at].limit || nodes[at].limit->admit(peer, nowMs) == LimitStage::Admission::admitted) continue;
    releaseLimits(nodes, node, peer, at);
    return false;
  }
  return true;
}

}  // namespace millrace
