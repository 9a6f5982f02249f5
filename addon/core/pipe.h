// Pipe: a kernel pipe that bytes pass through on their way from one socket to another, without being copied to user space (internal).
// One loop's thread only. Every call is non-blocking, retries EINTR and returns a count or -errno.
// Invariant, kept by the caller: between two steps the pipe is empty. So one pipe serves all of a loop's sessions, EAGAIN of fill() never means
// that the pipe is full, and no end of a session has to look for bytes here.
#pragma once
#include <errno.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/fd.h"

namespace millrace {

class Pipe {
 public:
  /// Asks for `bytes` of room; the kernel may give less (pipe-max-size, pipe-user-pages-soft), or no pipe at all.
  void open(size_t bytes);
  /// Bytes in pages that are full; less where they come in small pieces.
  size_t capacity() const { return capacity_; }
  explicit operator bool() const { return bool(in_); }

  /// From a stream socket into the pipe; 0 at the end of the stream. EAGAIN may also mean an urgent byte, which only recv(2) passes over.
  ssize_t fill(int socket, size_t limit);
  /// From the pipe into a stream socket, without SIGPIPE; fewer than `count` where the socket is full.
  ssize_t empty(int socket, size_t count);
  /// Whether a result says that the kernel, or a sandbox, does not splice here at all. Copying may well work.
  static bool refused(ssize_t result) {
    return result == -EINVAL || result == -ENOSYS || result == -EPERM || result == -EACCES || result == -EOPNOTSUPP;
  }
  /// What is left, out of the pipe. `into` must have room for all of it, and no more; less comes only from a pipe that is broken.
  std::span<uint8_t> take(std::span<uint8_t> into);

 private:
  Fd in_;
  Fd out_;
  size_t capacity_ = 0;
};

}  // namespace millrace
