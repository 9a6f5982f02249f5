// Sending: one socket's share of a turn in one direction (internal): gathers runs, sends them, and deals with what the kernel says. Owns nothing
// but uses the loop's one set of headers, so there is one Sending at a time. One loop's thread only.
// Invariant: after send() every datagram that was added has been sent, is pending in order, or was dropped with a reason.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// A single datagram over a connected socket needs none, which is a fifth of what our side of a small send costs.
inline bool needsHeader(const msghdr& header) { return header.msg_name || header.msg_control || header.msg_iovlen != 1; }

struct Sending {
  FlowContext& f;
  DatagramSocket& socket;
  unsigned direction;
  size_t first = f.runs.count;               // what is before has been gathered for other sockets
  uint32_t firstVector = f.runs.vectorCount;

  /// Takes over what this turn has for the flow.
  void gather(Flow& flow);
  /// Sends all runs that have been gathered.
  void send();
  /// How many there are.
  size_t gathered() const { return f.runs.count - first; }
  /// The header with which a run leaves, and what the kernel has said to it.
  const msghdr& prepare(size_t at);
  void settle(size_t at, ssize_t sent);
  /// Sends these, and empties them.
  void send(Answers& answers, uint16_t plan);
  void flushPending();
  void dropPending(DropReason reason);

 private:
  enum class Outcome : uint8_t { sent, blocked, unsegmentable, dropped };
  Outcome attempt(const msghdr& header, Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes);
  Outcome judge(ssize_t sent, const msghdr& header, Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes);
  void noteIcmp(const Flow* flow, uint16_t plan, int error);
  ssize_t sendOnce(const msghdr& header);
  bool sendOne(size_t at);
  bool settled(size_t at, Outcome outcome);
  bool sendSingly(size_t at);
  void add(Flow& flow, const uint8_t* data, uint32_t length, uint32_t segment, bool join);
  struct Name {
    const void* data;
    socklen_t length;
  };
  static Name nameOf(const SocketAddress& address) { return {address.get(), address.length()}; }
  void address(msghdr& header, uint8_t* control, Name name, const PeerAddress& local, uint32_t scope, uint32_t segments, uint32_t segment);
  void countSent(Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes);
  bool mayJoin(const Flow& flow) const;
  void restSegmentation(Flow* flow, ssize_t error);
  void watch(bool out);
  void wait(ssize_t error);
  struct Addressee {
    Flow* flow;  // where there is one
    uint16_t plan;
    PeerAddress peer, local;
    uint32_t scope;
  };
  void keep(const Addressee& to, const uint8_t* data, uint32_t length);
  void keepRun(const Run& run, uint32_t fromSegment);
  void pop();
};

}  // namespace millrace
