// What the kernel does when it is asked, for `millrace doctor` (internal): some limits stand in no file, and some files say what others may have.
// Opens its own sockets on 127.0.0.1, sends a few datagrams to itself, and leaves nothing behind. Any thread; takes about a millisecond.
// Every answer is a number of its own: a failed step is -errno in its place and says nothing of the others. Never blocks, but for
// the few milliseconds that loopback may take to deliver.
#pragma once
#include <cstddef>

namespace millrace {

/// What the relay asks of the kernel, as `lib/doctor/asked.ts` has it.
struct ProbeAsked {
  int receiveBufferBytes;
  int sendBufferBytes;
  int pipeBytes;
  int datagramBytes;  // of the datagram whose charge is asked for
};

struct ProbeAnswers {
  int receiveBufferBytes;  // given, by the same call that a listener makes
  int sendBufferBytes;
  int chargedBytes;     // what one datagram takes of a receive buffer (its truesize)
  int reusePort;        // 0: two sockets are bound to one port
  int segmentedSend;    // bytes that one UDP_SEGMENT send of `trainDatagrams` has taken
  int trainReceived;    // datagrams of them in the first read of a socket with UDP_GRO
  int pipeBytes;        // given
  int spliced;          // bytes that went from a socket through a pipe into a socket
  int pageBytes;        // the unit of udp_mem and tcp_mem
};

constexpr int trainDatagrams = 8;

ProbeAnswers probe(const ProbeAsked& asked);

}  // namespace millrace
