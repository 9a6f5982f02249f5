#include "relay/loop_thread.h"

#include <signal.h>

#include <algorithm>
#include <cassert>

#include "core/sys.h"

namespace millrace {
namespace {

/// Records that nobody has taken; beyond it new ones are dropped and counted.
constexpr size_t maxWaitingRecords = 65'536;
/// The same of lookups: sessions whose names are not asked for end with their time.
constexpr size_t maxWaitingLookups = 16'384;

/// start() gives the thread no signals.
RelayOptions withoutSignals(RelayOptions options) {
  options.sigpipe = Sigpipe::blocked;
  return options;
}

}  // namespace

LoopThread::LoopThread(std::unique_ptr<Loop> loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, DatagramBuffers datagrams,
                       Placement placement, std::function<void()> ring)
    : loop_(std::move(loop)), placement_(placement), ring_(std::move(ring)),
      engine_(new Engine(*loop_, withoutSignals(options), std::move(plans), arena, datagrams, *this)) {}

int LoopThread::start() {
  // Signals are for the other threads of the process.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = createThread();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = failed == 0;
  if (running_) pthread_setname_np(thread_, placement_.shard < 0 ? "millrace" : ("millrace-" + std::to_string(placement_.shard)).c_str());
  return failed;
}

int LoopThread::createThread() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int failed = 0;
  if (placement_.cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(unsigned(placement_.cpu), &cpus);
    failed = pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
  }
  const auto run = [](void* self) -> void* {
    static_cast<LoopThread*>(self)->turns();
    return nullptr;
  };
  if (failed == 0) failed = pthread_create(&thread_, &attributes, run, this);
  pthread_attr_destroy(&attributes);
  return failed;
}

void LoopThread::run(Command command) {
  if (!running_) return command(*engine_);
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  loop_->wake();
}

void LoopThread::query(Command ask, std::function<void()> work) {
  run([this, ask = std::move(ask), work = std::move(work)](Engine& engine) mutable {
    ask(engine);
    {
      const std::lock_guard lock(mutex_);
      waiting_.works.push_back(std::move(work));
    }
    ring_();
  });
}

void LoopThread::halt() {
  if (!running_) return;
  ending_.store(true, std::memory_order_relaxed);
  loop_->wake();
  pthread_join(thread_, nullptr);
  running_ = false;
}

LoopThread::Taken LoopThread::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

// ---- the loop's thread

void LoopThread::turns() {
  sys::sleepExactly();
  engine_->start();
  while (!ending_.load(std::memory_order_relaxed) && !engine_->closed()) {
    loop_->turn(-1);
    std::vector<Command> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
    }
    for (const Command& command : commands) command(*engine_);
    engine_->turnEnd();
    if (const uint32_t us = engine_->pauseUs()) sys::sleepUs(us);
  }
}

void LoopThread::cross(std::span<Record> records) {
  {
    const std::lock_guard lock(mutex_);
    for (const Record& record : records) {
      if (waiting_.records.size() >= maxWaitingRecords && record.kind != double(RecordKind::closed)) ++waiting_.lost;
      else waiting_.records.push_back(record);
    }
  }
  ring_();
}

bool LoopThread::crossDatagrams(size_t) {
  assert(!"plans with a node in JS are embedded");
  return false;
}

void LoopThread::lookUp(std::span<const Lookup> lookups) {
  {
    const std::lock_guard lock(mutex_);
    const size_t room = maxWaitingLookups - std::min(maxWaitingLookups, waiting_.lookups.size());
    waiting_.lookups.insert(waiting_.lookups.end(), lookups.begin(), lookups.begin() + ptrdiff_t(std::min(room, lookups.size())));
  }
  ring_();
}

}  // namespace millrace
