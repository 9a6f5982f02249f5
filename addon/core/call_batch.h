// CallBatch: sends and receives on as many sockets for one entry into the kernel, through an io_uring where it lets us have one (internal). Owns
// the ring and its memory. open() may be called by any thread, start() and what follows by the loop's only. A call is non-blocking and its result a count or -errno, as
// those of sys.h; what it points to must stay until run() returns, and nothing of it is in use after.
// The ring takes every call in order, and each is over when run() returns: it is told not to wait for a socket, so it has nothing to do later.
// Invariant: without a ring run() makes the same calls one by one, so whoever uses it does not know.
#pragma once
#include <linux/io_uring.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>

#include "core/fd.h"
#include "core/mapping.h"

namespace millrace {

class CallBatch {
 public:
  static constexpr unsigned most = 64;

  /// Asks for a ring; Linux 6.0 or newer, and neither a sysctl nor a seccomp filter against it.
  void open();
  /// From now on it belongs to the calling thread.
  void start();
  /// Whether several calls cost one entry.
  bool isOne() const { return started_; }
  unsigned room() const { return most - count_; }

  void recv(int fd, void* into, size_t size);
  void send(int fd, const void* from, size_t size);
  void sendmsg(int fd, const msghdr& message);
  void recvmsg(int fd, msghdr& message);
  /// Makes them all; their results, in order, until the next call is added.
  std::span<const int32_t> run();

 private:
  void add(uint8_t op, int fd, const void* at, uint32_t length, uint32_t flags);
  void runAlone(unsigned call);
  /// How many more of them are over.
  unsigned collect();

  void close();

  Fd ring_;
  bool started_ = false;
  Mapping rings_, entries_;
  unsigned *submitted_ = nullptr, *completed_ = nullptr, *completing_ = nullptr;  // the kernel's tail of submissions, head and tail of completions
  unsigned submissionMask_ = 0, completionMask_ = 0;
  const io_uring_cqe* completions_ = nullptr;
  unsigned count_ = 0;
  std::array<io_uring_sqe, most> calls_{};
  std::array<int32_t, most> results_{};
};

}  // namespace millrace
