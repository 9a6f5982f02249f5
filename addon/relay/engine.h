// Engine: one loop's listeners and sessions, run from plans (internal). Owns everything under relay/ for one loop; knows no Node. All calls
// on the loop's thread, except readLedger(). What happened is handed to the Host at turnEnd(), in order, in slices of at most 256 records;
// the host may call back into the engine from there.
// Invariant: sessions that ended in a turn are freed at its very end, after the host has been told.
#pragma once
#include "relay/acceptor.h"
#include "relay/associate.h"
#include "relay/datagram/datagram_relay.h"

namespace millrace {

class Host {
 public:
  /// Tells JS; for head and chunk records it leaves JS's answer in Record::verdict.
  virtual void cross(std::span<Record> records) = 0;
  /// Has JS look at the first `rows` of the shared rows and leave its verdicts and replies there; false where it could not.
  virtual bool crossDatagrams(size_t rows) = 0;
  /// Has JS find the addresses of names; lookedUp() of dial_asked.h takes the answers.
  virtual void lookUp(std::span<const Lookup> lookups) = 0;

 protected:
  ~Host() = default;
};

class Engine final : private EventHandler, private Arrivals {
 public:
  Engine(Loop& loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, DatagramBuffers buffers, Host& host);
  ~Engine();

  /// Binds everything, or nothing.
  std::optional<SysError> listen();
  /// Which CPU's arrivals come to which of the loops that share these addresses; after all of them listen, before start().
  std::optional<SysError> steer(std::span<const uint32_t> cpus);
  void start();
  const std::vector<std::unique_ptr<Listener>>& listeners() const { return acceptor_.listeners(); }
  /// For the calls of control.h.
  Context& context() { return context_; }
  DatagramRelay& datagrams() { return datagrams_; }

  /// After the loop's turn. What calls from outside a turn have caused waits for the next one.
  void turnEnd();
  bool closed() const { return closed_; }
  /// After turnEnd(), where nobody else needs this thread: for how many microseconds the next turn is to wait. Streams do not wait.
  uint32_t pauseUs() { return datagrams_.pauseUs(context_.sessions.size() == 0); }

  void setUpstream(uint32_t plan, uint32_t upstream, std::vector<SocketAddress> addresses);
  /// What a file of a plan has now: for what begins from here on.
  void setNetworks(uint32_t plan, uint32_t file, CidrSet networks) { *context_.plans[plan]->plan.files[file].networks = std::move(networks); }
  /// Of a set, all of them.
  void setMembers(uint32_t plan, uint32_t upstream, std::vector<MemberIs> members);
  /// What a check has found of a member, by its id.
  void setHealth(uint32_t plan, uint32_t upstream, uint32_t member, bool down);
  void close(uint64_t drainMs);
  /// Makes what the ledgers hold now readable; turnEnd() does so too.
  void crossAll();
  void publishLedgers();
  CounterValues readLedger(size_t plan) const { return context_.plans[plan]->ledger.read(); }

 private:
  void onReady(Token token, unsigned side, uint32_t events) override;
  void admit(const Listener& listener, Fd fd, const PeerAddress& peer) override;
  void relayReady(Session& s, unsigned side, uint32_t events);
  void timerFired(Session& s);
  void relayTimer(Session& s);
  void upstreamKnown(uint32_t plan, uint32_t upstream);
  void retryDeferred();
  void feedStarved();
  void reap();
  void drainOver();

  Context context_;
  Host& host_;
  Acceptor acceptor_;
  DatagramRelay datagrams_;
  AssociationEvents insideEvents_{context_, true}, outsideEvents_{context_, false};
  struct DrainTimer : LoopTimer {
    Engine* engine;
  } drainTimer_;
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace millrace
