// LoopThread: a loop and its engine on a thread of their own (internal). Owns both; all calls from the thread that made it, its owner, but for
// readLedger() of the engine. Commands go in through a queue and the loop's wake-up; records come out through a queue, after a call of `ring`,
// which any of the two threads makes. start() returns 0 or an errno: EINVAL where this process may not run on the CPU.
// Invariant: the engine is touched by the loop's thread while that runs, and by the owner's before and after.
#pragma once
#include <pthread.h>

#include <atomic>
#include <functional>
#include <mutex>

#include "relay/engine.h"

namespace millrace {

using Command = std::function<void(Engine&)>;

/// Where a loop runs: its number among several, which its thread's name has, and its CPU; -1: none, anywhere.
struct Placement {
  int shard = -1;
  int cpu = -1;
};

class LoopThread final : private Host {
 public:
  LoopThread(std::unique_ptr<Loop> loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, DatagramBuffers datagrams,
             Placement placement, std::function<void()> ring);
  ~LoopThread() { halt(); }

  Engine& engine() { return *engine_; }

  int start();
  /// On the loop's thread, soon; at once where that does not run.
  void run(Command command);
  /// Has `work` among what take() gives once `ask` has run.
  void query(Command ask, std::function<void()> work);
  /// Joins the thread.
  void halt();

  struct Taken {
    std::vector<Record> records;
    std::vector<Lookup> lookups;
    std::vector<std::function<void()>> works;
    uint64_t lost = 0;  // records for which there was no room
  };
  /// What has come since.
  Taken take();

 private:
  int createThread();
  void turns();
  void cross(std::span<Record> records) override;
  bool crossDatagrams(size_t rows) override;
  void lookUp(std::span<const Lookup> lookups) override;

  std::unique_ptr<Loop> loop_;
  const Placement placement_;
  const std::function<void()> ring_;
  std::unique_ptr<Engine> engine_;
  pthread_t thread_{};
  bool running_ = false;  // the owner's
  std::atomic<bool> ending_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<Command> commands_;
  Taken waiting_;
};

}  // namespace millrace
