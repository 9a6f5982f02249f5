// DatagramRelay: the datagram half of an Engine (internal). Owns the listeners, flows and generators of one loop; knows no Node. All calls on the
// loop's thread, except readLoad(). What a turn has received is dealt with at turnEnd(): filters and handlers in JS are called once, then
// everything leaves.
// Invariant: after turnEnd() no byte of the arena is in use.
#pragma once
#include <functional>
#include <optional>

#include "relay/control.h"
#include "relay/datagram/coalescing.h"
#include "relay/datagram/generator.h"

namespace millrace {

class DatagramRelay {
 public:
  DatagramRelay(Context& context, DatagramBuffers buffers, std::function<bool(size_t)> cross);
  ~DatagramRelay();
  DatagramRelay(const DatagramRelay&) = delete;
  DatagramRelay& operator=(const DatagramRelay&) = delete;

  /// Binds every listener of every plan, or none. The plans of the context do not change after.
  std::optional<SysError> open();
  /// What comes from now on is for us; where addresses are shared, when all others are bound. Before start(), by whoever is to know that it is so.
  void openDoors();
  void start();
  void turnEnd();
  /// Refuses new flows; one that is quiet for a second, or is left when the time is over, ends.
  void close(uint64_t drainMs);
  /// After a turn's end, once: for how many microseconds the next is to wait, so that more datagrams gather; 0 where others cannot wait.
  uint32_t pauseUs(bool mayPause);
  /// No flow and no generator is left.
  bool closed() const { return drained_; }

  void upstreamKnown(uint32_t plan, uint32_t upstream);
  /// A check has found a member of a set down: its flows end, if the set says so.
  void memberDown(uint32_t plan, uint32_t upstream, uint32_t slot);
  /// Whether it was the id of a flow.
  bool endById(double id, EndHow how);
  void keep(uint32_t row, bool isReply, std::span<const uint8_t> bytes);
  void listFlows(std::vector<SessionInfo>& list);
  const std::vector<std::unique_ptr<DatagramListener>>& listeners() const { return f_.listeners; }
  /// In debug builds: what the books call pending is what the sockets hold. A breach is our own bug.
  void assertBalanced();
  /// Zeros where the plan has no generator.
  void readLoad(size_t plan, std::span<double, loadNumbers> into) const;

 private:
  struct Events final : EventHandler {
    Events(DatagramRelay& of, void (DatagramRelay::*with)(Token, uint32_t)) : relay(of), ready(with) {}
    void onReady(Token token, unsigned, uint32_t events) override { (relay.*ready)(token, events); }
    DatagramRelay& relay;
    void (DatagramRelay::*ready)(Token, uint32_t);
  };
  struct Later : LoopTimer {
    DatagramRelay* relay = nullptr;
  };

  void flowReady(Token token, uint32_t events);
  void listenerReady(Token token, uint32_t events);
  void generatorReady(Token token, uint32_t events);
  void retryRefused();
  void drain();
  void closeListeners();
  size_t smallestReceiveBuffer() const;

  FlowContext f_;
  std::function<bool(size_t)> cross_;
  std::vector<std::unique_ptr<Generator>> generators_;  // one a plan; null for the others
  Events flowEvents_{*this, &DatagramRelay::flowReady};
  Events listenerEvents_{*this, &DatagramRelay::listenerReady};
  Events generatorEvents_{*this, &DatagramRelay::generatorReady};
  Later retry_;
  Later drainTimer_;
  std::optional<Coalescing> coalescing_;  // none where nobody sends to the loop, or where it sends by a clock
  Taken taken_;                           // in the last turn
  uint64_t drainDeadlineMs_ = 0;
  bool drainDue_ = false;
  bool drained_ = false;
};

}  // namespace millrace
