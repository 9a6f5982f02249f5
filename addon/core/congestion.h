// Congestion control between sockets of one machine (internal). There is nothing between them that could be congested, and one that paces, as bbr does, arms a timer
// for each burst and sends what a timer lets it: over loopback it costs about half of what could go through (docs/performance.md). Owns nothing; any thread.
#pragma once

namespace millrace {

/// Whether sockets of this network namespace pace what they send unless they are told otherwise.
bool pacesByDefault();

/// The socket, and whatever it accepts, sends without pacing, by reno, which is in every kernel and for everybody. Before it connects or listens: pacing that has begun stays.
void sendUnpaced(int fd);

}  // namespace millrace
