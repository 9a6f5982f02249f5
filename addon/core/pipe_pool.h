// PipePool: the pipes of one loop (internal). Owns those that nobody uses, opens more under a budget of their capacity, and closes what has not been
// needed for a second. One loop's thread only. take() is null at the budget's end, and for a second after the kernel has given no pipe that is worth having
// (EMFILE, pipe-max-size, pipe-user-pages-soft): then bytes are copied.
// Invariant: a pipe in the pool is empty, so one session's bytes never reach another.
#pragma once
#include "core/loop.h"
#include "core/pipe.h"

namespace millrace {

class PipePool {
 public:
  /// Room for one read even where it comes in many small pieces, each of which takes a page of the pipe.
  static constexpr size_t pipeBytes = 1024 * 1024;
  /// A smaller one moves fewer bytes a call than copying does.
  static constexpr size_t leastPipeBytes = 512 * 1024;

  /// `anySize`: takes what the kernel gives.
  PipePool(Loop& loop, size_t maxBytes, bool anySize);
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  /// An empty pipe, or null.
  Pipe* take();
  /// Back; one that is not empty is closed.
  void give(Pipe* pipe);
  /// Whether there is one for who comes next. It is opened now, where none is free: the kernel may refuse it.
  bool hasAnother();

 private:
  static constexpr uint64_t idleMs = 1000;
  static constexpr uint64_t retryMs = 1000;

  struct Sweep : LoopTimer {
    PipePool* pool = nullptr;
  };

  Pipe* open();
  void close(Pipe* pipe);
  void pushFree(Pipe* pipe);
  Pipe* popFree();
  void sweep();

  Loop& loop_;
  const size_t maxBytes_;
  const bool anySize_;
  size_t openBytes_ = 0;
  Pipe* free_ = nullptr;
  uint32_t freeCount_ = 0;
  uint32_t leastFree_ = 0;  // since the last sweep: so many were not needed
  uint64_t retryAtMs_ = 0;
  Sweep sweep_;
};

}  // namespace millrace
