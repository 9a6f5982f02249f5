// Acceptor: the listeners of one loop (internal). Owns them and the descriptor kept in reserve. One loop's thread only. Bounded work a turn;
// every arrival goes to Arrivals. Out of descriptors it resets one arrival by way of the reserve, so that nobody waits in vain for ever, and
// pauses for 10 to 100 ms; out of memory it pauses only. Both are told as notices.
// Invariant: a listener is either watched or has its timer armed, from start() to close().
#pragma once
#include "relay/context.h"
#include "relay/listener.h"

namespace millrace {

class Arrivals {
 public:
  virtual void admit(const Listener& listener, Fd fd, const PeerAddress& peer) = 0;

 protected:
  ~Arrivals() = default;
};

class Acceptor final : private EventHandler {
 public:
  Acceptor(Context& context, Arrivals& arrivals);
  ~Acceptor() { close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Binds every listener of every plan, or none.
  std::optional<SysError> open();
  void start();
  /// Accepts whoever is queued now, up to the backlog.
  void acceptQueued();
  void close();
  const std::vector<std::unique_ptr<Listener>>& listeners() const { return listeners_; }

 private:
  void onReady(Token token, unsigned side, uint32_t events) override;
  void accept(Listener& listener, int budget);
  void watch(Listener& listener);
  void pause(Listener& listener, int error);
  void notice(const Listener& listener, Notice code, int error);

  Context& context_;
  Arrivals& arrivals_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Fd reserve_;
};

}  // namespace millrace
