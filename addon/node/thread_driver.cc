// The loop on a thread of its own, for plans that JS has no part in: no garbage collection and no user code can delay a byte. What it has to
// tell wakes the JS thread through one uv_async_t, so JS sees it in batches.
#include "node/driver.h"
#include "relay/loop_thread.h"

namespace millrace {
namespace {

class ThreadDriver final : public Driver {
 public:
  ThreadDriver(uv_loop_t* uv, std::unique_ptr<Loop> loop, EngineConfig config)
      : uv_(uv), cross_(std::move(config.cross)), lookUp_(std::move(config.lookUp)), finished_(std::move(config.finished)),
        thread_(new LoopThread(std::move(loop), config.options, std::move(config.plans), config.arena, config.datagrams, config.placement, [this] { ring(); })) {}

  Engine* engine() { return &thread_->engine(); }

  int start() override {
    async_ = new Async;
    if (const int error = uv_async_init(uv_, &async_->handle, [](uv_async_t* handle) { static_cast<ThreadDriver*>(handle->data)->fetch(); })) {
      delete std::exchange(async_, nullptr);
      return error;
    }
    async_->handle.data = this;
    return -thread_->start();
  }

  void run(Command command) override {
    if (thread_) thread_->run(std::move(command));
  }

  void query(Command ask, std::function<void()> work) override {
    if (thread_) thread_->query(std::move(ask), std::move(work));
  }

  bool embedded() const override { return false; }

  void halt() override {
    if (thread_) thread_->halt();
  }

  void stop(std::function<void()> stopped) override {
    thread_.reset();
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

  /// From any thread; the handle is there from before the thread begins until after it is joined.
  void ring() {
    if (async_) uv_async_send(&async_->handle);
  }

  void fetch() {
    auto [records, lookups, works, lost] = thread_->take();
    const bool over = !records.empty() && records.back().kind == double(RecordKind::closed);
    if (lost > 0) {
      Record r;
      r.kind = double(RecordKind::notice);
      r.value = double(Notice::eventsLost);
      r.extra = double(lost);
      records.insert(records.begin(), r);
    }
    for (const auto& work : works) work();
    if (!lookups.empty()) lookUp_(lookups);
    for (size_t at = 0; at < records.size(); at += 256) cross_(std::span(records).subspan(at, std::min<size_t>(256, records.size() - at)));
    if (over && async_) finished_();
  }

  uv_loop_t* uv_;
  CrossToJs cross_;
  std::function<void(std::span<const Lookup>)> lookUp_;
  std::function<void()> finished_;
  Async* async_ = nullptr;
  std::unique_ptr<LoopThread> thread_;
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
