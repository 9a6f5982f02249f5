// Engine: one loop's listeners and sessions, run from plans (internal). Owns everything under relay/ for one loop; knows no Node. All calls
// on the loop's thread, except readLedger(). What happened is handed to the Host at turnEnd(), in order, in slices of at most 256 records;
// the host may call back into the engine from there.
// Invariant: sessions that ended in a turn are freed at its very end, after the host has been told.
#pragma once
#include "relay/context.h"
#include "relay/listener.h"

namespace millrace {

class Host {
 public:
  /// Tells JS; for head and chunk records it leaves JS's answer in Record::verdict.
  virtual void cross(std::span<Record> records) = 0;

 protected:
  ~Host() = default;
};

struct SessionInfo {
  double id;
  uint32_t node;
  uint16_t plan;
  Phase phase;
  PeerAddress downstream, upstream;
  uint64_t bytes[2];
  uint64_t pending[2];
  uint64_t ageMs, idleMs;
};

enum class EndHow : uint8_t { close, reset, handlerError, rejected };

class Engine final : private EventHandler {
 public:
  Engine(Loop& loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, Host& host);
  ~Engine();

  /// Binds every listener of every plan, or none.
  std::optional<SysError> listen();
  void start();
  const std::vector<std::unique_ptr<Listener>>& listeners() const { return listeners_; }

  /// After the loop's turn, and after any call below that was made from outside a turn.
  void turnEnd();
  bool closed() const { return closed_; }

  void setUpstream(uint32_t plan, uint32_t upstream, std::vector<SocketAddress> addresses);
  void close(uint64_t drainMs);
  void endById(double id, EndHow how, std::span<const uint8_t> reply);
  void answerHead(double id, uint32_t node, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes);
  /// Pending bytes after it, or -1 where the session is gone.
  double write(double id, unsigned direction, std::span<const uint8_t> bytes);
  void endWrite(double id);
  void setPaused(double id, bool paused);
  std::vector<SessionInfo> sessions();

  size_t planCount() const { return context_.plans.size(); }
  /// Makes what the ledgers hold now readable; turnEnd() does so too.
  void publishLedgers();
  CounterValues readLedger(size_t plan) const { return context_.plans[plan]->ledger.read(); }

 private:
  void onReady(Token token, unsigned side, uint32_t events) override;
  void acceptReady(Listener& listener, int budget);
  void admit(Listener& listener, Fd fd, const PeerAddress& peer);
  void pause(Listener& listener, int error);
  void resume(Listener& listener);
  void notice(const Listener& listener, Notice code, int error);
  void relayReady(Session& s, unsigned side, uint32_t events);
  void timerFired(Session& s);
  void relayTimer(Session& s);
  void applyVerdicts(std::span<const Record> records);
  void applyHead(const Record& record);
  void applyBytes(const Record& record);
  void retryDeferred();
  void feedStarved();
  void reap();
  void drainOver();

  static constexpr int acceptBudget = 64;

  struct ListenerHandler final : EventHandler {
    Engine* engine;
    void onReady(Token token, unsigned, uint32_t) override {
      if (token.index < engine->listeners_.size() && engine->listeners_[token.index]->watched) engine->acceptReady(*engine->listeners_[token.index], acceptBudget);
    }
  };

  Context context_;
  Host& host_;
  ListenerHandler listenerHandler_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Fd reserve_;  // given up for a moment to shed an arrival when descriptors have run out
  struct DrainTimer : LoopTimer {
    Engine* engine;
  } drainTimer_;
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace millrace
