// Generator: the source `generate` (internal): datagrams made here, sent to one upstream, its ports in turn, over `flows` connected sockets, and their replies
// counted. Owns its sockets and its payload. One loop's thread only; its LoadReport may be read from any. With a window a flow has at most that
// many datagrams without a reply, and one that has had none for 200 ms counts as lost; without one it sends at its rate, whatever comes back.
// Every datagram of 12 bytes or more carries when it was sent and its number in its flow, so that its latency, its loss, its order and its
// doubles are known. What the socket does not take now is made again later.
// Invariant, in its plan's ledger: produced = sent + dropped to the upstream, received = consumed to the downstream.
#pragma once
#include <vector>

#include "relay/datagram/flow_context.h"
#include "relay/datagram/load_report.h"
#include "relay/datagram/sequence_window.h"

namespace millrace {

class Generator : private LoopTimer {
 public:
  Generator(FlowContext& f, uint16_t plan, uint32_t index);
  ~Generator() { stop(); }

  std::optional<SysError> open();
  void start();
  void stop();
  /// Closing: nothing more is sent. Whether it waits for no answer any more; where that is `late`, it does not.
  bool drained(bool late);
  void onReady(uint32_t flow, uint32_t events);
  /// The upstream's name has an address now.
  void upstreamKnown();

  LoadReport report{};

 private:
  struct Source {
    Fd fd;
    uint32_t nextNumber = 0;   // to be sent
    uint32_t outstanding = 0;
    uint64_t lastNs = 0;
    SequenceWindow replies;
  };

  void tick();
  bool sendDue(uint64_t nowNs);
  /// Datagrams sent, up to `wanted` and 64.
  uint32_t send(Source& source, uint32_t wanted, uint64_t nowNs);
  int sendTrain(Source& source, uint32_t count);
  void take(Source& source, const uint8_t* data, uint32_t length, uint64_t nowNs);
  void publish(uint64_t nowNs, bool finished);
  void finish();

  FlowContext& f_;
  const uint16_t plan_;
  const uint32_t index_;
  const Generate options_;
  bool trains_;          // until the kernel refuses one
  std::vector<Source> sources_;
  std::vector<uint8_t> payload_;
  LatencyHistogram latencies_;
  uint64_t startNs_ = 0, endNs_ = 0, publishNs_ = 0, checkNs_ = 0;
  uint64_t quietNs_ = 0;   // the last answer; at the end no earlier than that
  uint64_t giveUpNs_ = 0;  // when it does not wait for more, whoever sends
  uint64_t sent_ = 0, received_ = 0, reordered_ = 0, duplicated_ = 0, failures_ = 0, lost_ = 0;
  size_t turnOf_ = 0;    // whose turn it is to send at the rate
  bool running_ = false;
  bool sending_ = false; // its time is not over
  bool over_ = false;    // it does not begin again
};

}  // namespace millrace
