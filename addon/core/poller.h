// Poller: one epoll descriptor (internal). Owns it; registers descriptors it does not own under a Key. One loop's thread only.
// add/modify/remove return 0 or -errno. Level-triggered, so that an event that was not dealt with comes again, but for datagram sockets, whose
// readers ask for another event where something may be left.
// Invariant: a Key is 64 bits of data, never a pointer: what was closed in this batch cannot be dereferenced, only not found.
#pragma once
#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "core/fd.h"
#include "core/result.h"
#include "core/slab.h"

namespace millrace {

/// Whose descriptor it is: a table (`kind`), a slot in it, and which of the slot's descriptors (`side`).
struct Key {
  Token token;
  uint8_t kind = 0;  // 0..15
  uint8_t side = 0;  // 0..1

  // 63..40 generation | 39..36 kind | 35 side | 26..0 index
  uint64_t pack() const {
    return uint64_t(token.generation) << 40 | uint64_t(kind) << 36 | uint64_t(side) << 35 | token.index;
  }
  static Key unpack(uint64_t data) {
    return {{uint32_t(data) & ((1u << 27) - 1), uint32_t(data >> 40)}, uint8_t(data >> 36 & 15), uint8_t(data >> 35 & 1)};
  }
};

class Poller {
 public:
  static constexpr int most = 256;  // events that are told of at once
  static Result<Poller> create();

  int fd() const { return epoll_.get(); }
  int add(int fd, uint32_t events, Key key) { return control(EPOLL_CTL_ADD, fd, events, key); }
  int modify(int fd, uint32_t events, Key key) { return control(EPOLL_CTL_MOD, fd, events, key); }
  int remove(int fd) { return control(EPOLL_CTL_DEL, fd, 0, {}); }

  /// Waits up to `timeoutMs` (-1: for ever) and returns how many of `ready()` are valid; an interrupted wait returns 0.
  int wait(int timeoutMs);
  const epoll_event& ready(int i) const { return ready_[size_t(i)]; }

 private:
  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}
  int control(int op, int fd, uint32_t events, Key key);

  Fd epoll_;
  std::array<epoll_event, most> ready_{};
};

}  // namespace millrace
