// Listener: a bound, listening descriptor (internal). Owns it, its Unix path and its pause timer. One loop's thread only.
// open() binds and listens and returns a SysError as Node would word it. A stale Unix socket, one that nobody answers on, is replaced.
// Invariant: no accept error ends a listener. Transient ones are skipped; out of descriptors or memory pauses it and resumes by itself.
#pragma once
#include <memory>

#include "core/loop.h"
#include "core/reuseport.h"
#include "relay/plan.h"

namespace millrace {

class Listener : public LoopTimer {
 public:
  /// `paces`: TCP does, unless it is told otherwise.
  static Result<std::unique_ptr<Listener>> open(const SocketAddress& address, const Plan& plan, Sharing sharing, bool paces);
  ~Listener();

  struct Accepted {
    Fd fd;
    PeerAddress peer;
    int error = 0;  // with no fd: 0 nothing left, else errno
  };

  const SocketAddress& bound() const { return bound_; }
  int fd() const { return fd_.get(); }
  Accepted accept();
  /// Takes one arrival from the queue and resets it, by way of the descriptor kept in reserve.
  void shedOne(Fd& reserve);

  bool paused = false;
  bool watched = false;
  uint64_t pauseMs = 0;
  uint16_t plan = 0;
  uint16_t endpoint = 0;
  uint32_t index = 0;  // its place among the acceptor's
  class Acceptor* acceptor = nullptr;

 private:
  Listener(Fd fd, SocketAddress bound) : fd_(std::move(fd)), bound_(std::move(bound)) {}

  Fd fd_;
  SocketAddress bound_;
};

}  // namespace millrace
