// The loop on a thread of its own, for plans that JS has no part in: no garbage collection and no user code can delay a byte. Commands go in
// through a queue and the loop's wake-up; records come out through a queue and one uv_async_t, so JS sees them in batches.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cassert>
#include <mutex>

#include "node/driver.h"

namespace millrace {
namespace {

/// Records that JS has not fetched; beyond it new ones are dropped and JS is told how many.
constexpr size_t maxQueuedRecords = 65'536;

class ThreadDriver final : public Driver, private Host {
 public:
  ThreadDriver(uv_loop_t* uv, std::unique_ptr<Loop> loop, EngineConfig config)
      : uv_(uv), loop_(std::move(loop)), cross_(std::move(config.cross)), finished_(std::move(config.finished)),
        engine_(new Engine(*loop_, config.options, std::move(config.plans), config.arena, config.datagrams, *this)) {}

  ~ThreadDriver() override { halt(); }

  Engine* engine() { return engine_.get(); }

  int start() override {
    async_ = new Async;
    if (const int error = uv_async_init(uv_, &async_->handle, [](uv_async_t* handle) { static_cast<ThreadDriver*>(handle->data)->fetch(); })) {
      delete std::exchange(async_, nullptr);
      return error;
    }
    async_->handle.data = this;
    // Signals are Node's: its own threads take them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread_, nullptr, [](void* self) -> void* {
      static_cast<ThreadDriver*>(self)->turns();
      return nullptr;
    }, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    running_ = failed == 0;
    if (running_) pthread_setname_np(thread_, "millrace");
    return -failed;
  }

  void run(Command command) override {
    if (!running_) {
      if (engine_) command(*engine_);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    loop_->wake();
  }

  void query(Command ask, std::function<void()> work) override {
    run([this, ask = std::move(ask), work = std::move(work)](Engine& engine) mutable {
      ask(engine);
      const std::lock_guard lock(mutex_);
      works_.push_back(std::move(work));
      ring();
    });
  }

  bool embedded() const override { return false; }

  void halt() override {
    if (!running_) return;
    ending_.store(true, std::memory_order_relaxed);
    loop_->wake();
    pthread_join(thread_, nullptr);
    running_ = false;
  }

  void stop(std::function<void()> stopped) override {
    halt();
    engine_.reset();
    if (!async_) return stopped();
    Async* async = std::exchange(async_, nullptr);
    async->stopped = std::move(stopped);
    async->handle.data = async;
    uv_close(reinterpret_cast<uv_handle_t*>(&async->handle), [](uv_handle_t* handle) {
      auto* closed = static_cast<Async*>(handle->data);
      closed->stopped();
      delete closed;
    });
  }

 private:
  struct Async {
    uv_async_t handle;
    std::function<void()> stopped;
  };

  // ---- the loop's thread

  void turns() {
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
    }
  }

  void cross(std::span<Record> records) override {
    const std::lock_guard lock(mutex_);
    for (const Record& record : records) {
      if (records_.size() >= maxQueuedRecords && record.kind != double(RecordKind::closed)) ++lost_;
      else records_.push_back(record);
    }
    ring();
  }

  bool crossDatagrams(size_t) override {
    assert(!"plans with a node in JS are embedded");
    return false;
  }

  void ring() {
    if (async_) uv_async_send(&async_->handle);
  }

  // ---- the JS thread

  void fetch() {
    std::vector<Record> records;
    std::vector<std::function<void()>> works;
    uint64_t lost;
    {
      const std::lock_guard lock(mutex_);
      records.swap(records_);
      works.swap(works_);
      lost = std::exchange(lost_, 0);
    }
    const bool over = !records.empty() && records.back().kind == double(RecordKind::closed);
    if (lost > 0) {
      Record r;
      r.kind = double(RecordKind::notice);
      r.value = double(Notice::eventsLost);
      r.extra = double(lost);
      records.insert(records.begin(), r);
    }
    for (const auto& work : works) work();
    for (size_t at = 0; at < records.size(); at += 256) cross_(std::span(records).subspan(at, std::min<size_t>(256, records.size() - at)));
    if (over && async_) finished_();
  }

  uv_loop_t* uv_;
  std::unique_ptr<Loop> loop_;
  CrossToJs cross_;
  std::function<void()> finished_;
  std::unique_ptr<Engine> engine_;
  Async* async_ = nullptr;
  pthread_t thread_{};
  bool running_ = false;  // JS thread only
  std::atomic<bool> ending_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<Command> commands_;
  std::vector<Record> records_;
  std::vector<std::function<void()>> works_;
  uint64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<Driver>> makeThreadDriver(uv_loop_t* uv, EngineConfig config, Engine** engine) {
  auto loop = Loop::create();
  if (!loop) return loop.error();
  auto driver = std::make_unique<ThreadDriver>(uv, std::move(*loop), std::move(config));
  if (auto error = driver->engine()->listen()) return *error;
  *engine = driver->engine();
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace millrace
