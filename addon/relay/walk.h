// The walk: a session's way through the plan, from its first node to a sink (internal). One loop's thread only.
// Gates decide at once. A route asks its matchers, an ask node asks JS; both may need more of the head, which is read here under an absolute
// deadline a node and a cap, and is delivered to the sink before anything that follows it.
// Invariant: Session::node only ever moves down the tree, so what lies above it has been passed and nothing else has.
#pragma once
#include "relay/context.h"

namespace millrace {

/// Goes on from the session's node as far as is known now.
void walk(Context& c, Session& s);
/// Phase head: events of the downstream.
void headReady(Context& c, Session& s, uint32_t events);
/// Phase head: the node's time is over.
void headTimedOut(Context& c, Session& s);
/// JS wants more bytes.
void headNeedsMore(Context& c, Session& s);
/// JS goes on to `branch`, having put `bytes` in the place of the first `consumed` bytes of the head.
void headAnswered(Context& c, Session& s, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes);

/// The sink has what it needs: bytes may flow.
void beginRelaying(Context& c, Session& s);
/// Gives the head to the sink; a JS sink may have to wait for room in the arena.
void deliverHead(Context& c, Session& s);

}  // namespace millrace
