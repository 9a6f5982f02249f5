// Dialling: from a forward node to a connected upstream (internal). One loop's thread only. Non-blocking, under one deadline for all attempts;
// each further attempt takes the next address, and the same address again only after a pause. A name without addresses waits.
// Whatever fails ends the session with a reason (connectRefused, connectTimeout, ...) and a reset downstream, or what the client of a proxy is told instead.
// Invariant: success is what SO_ERROR says, whichever of OUT, ERR and HUP rang.
#pragma once
#include <span>

#include "relay/context.h"

namespace millrace {

void dial(Context& c, Session& s);
/// Phase connecting: the attempt has come to an end, one way or the other.
void connectReady(Context& c, Session& s, uint32_t events);
/// Phases resolving and connecting: an attempt's or the whole time is over, or the pause before the next attempt.
void dialTimer(Context& c, Session& s);
/// Phase connecting: the member of a set that the session is on its way to is down, and another is to be tried. Uses up no retry.
void dialElsewhere(Context& c, Session& s);

/// The upstream stands, and is the one that bytes are for: what it is told first goes there, and they may flow.
void upstreamReady(Context& c, Session& s);

/// Sends the upstream what stands before all bytes of the session. There is room for it in the buffer of a new connection, or something is wrong with that. False where it could
/// not be sent, and then Session::error says why.
bool sayFirst(Context& c, Session& s, std::span<const uint8_t> bytes);

/// Before the second send to the upstream: sets TCP_NODELAY, where that is still to be done. The first send never waits for an acknowledgement, since nothing
/// small is under way (tcp_nagle_check() of the kernel), so a session with one request does without the call.
void sendAtOnce(Side& upstream);

}  // namespace millrace
