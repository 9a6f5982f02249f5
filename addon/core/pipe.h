// Pipe: a kernel pipe that bytes pass through on their way from one socket to another, without being copied to user space (internal).
// One loop's thread only. Every call is non-blocking, retries EINTR and returns a count or -errno.
// Invariant: size() is what is inside. The caller fills an empty pipe only, so EAGAIN of fill() never means that the pipe is full.
#pragma once
#include <errno.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/fd.h"

namespace millrace {

/// Whether the calling thread has SIGPIPE blocked for its whole life. Where not, writing takes two calls more, and nobody else's signal.
enum class Sigpipe : bool { open, blocked };

class Pipe {
 public:
  /// Asks for `bytes` of room; the kernel may give less (pipe-max-size, pipe-user-pages-soft), or no pipe at all.
  void open(size_t bytes);
  /// Bytes in pages that are full; less where they come in small pieces.
  size_t capacity() const { return capacity_; }
  size_t size() const { return size_; }
  explicit operator bool() const { return bool(in_); }

  /// From a stream socket into the pipe; 0 at the end of the stream. EAGAIN may also mean an urgent byte, which only recv(2) passes over.
  ssize_t fill(int socket, size_t limit);
  /// All there is into a stream socket, without SIGPIPE; less where the socket is full.
  ssize_t empty(int socket, Sigpipe sigpipe = Sigpipe::open);
  /// Whether a result says that the kernel, or a sandbox, does not splice here at all. Copying may well work.
  static bool refused(ssize_t result) {
    return result == -EINVAL || result == -ENOSYS || result == -EPERM || result == -EACCES || result == -EOPNOTSUPP;
  }
  /// What is inside, or as much of it as there is room for, to user space; less comes only from a pipe that is broken.
  std::span<uint8_t> take(std::span<uint8_t> into);
  /// What the kernel says is inside, to compare.
  size_t measured() const;

 private:
  friend class PipePool;
  Fd in_;
  Fd out_;
  uint32_t capacity_ = 0;
  uint32_t size_ = 0;
  Pipe* next_ = nullptr;  // in the pool
};

}  // namespace millrace
