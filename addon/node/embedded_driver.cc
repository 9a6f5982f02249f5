// The loop inside libuv: one uv_poll_t on the epoll descriptor and one uv_timer_t for the wheel's next deadline. A turn is taken when either
// rings; JS is called within it, so a crossing is a plain call. Calls from JS outside a turn act at once and leave their records to the next
// turn, so that no handler is ever called from inside another function of the user's.
#include "node/driver.h"

namespace millrace {
namespace {

class EmbeddedDriver final : public Driver, private Host {
 public:
  EmbeddedDriver(uv_loop_t* uv, std::unique_ptr<Loop> loop, EngineConfig config)
      : uv_(uv), loop_(std::move(loop)), cross_(std::move(config.cross)), crossDatagrams_(std::move(config.crossDatagrams)), lookUp_(std::move(config.lookUp)),
        finished_(std::move(config.finished)),
        engine_(new Engine(*loop_, config.options, std::move(config.plans), config.arena, config.datagrams, *this)) {}

  Engine* engine() { return engine_.get(); }

  int start() override {
    handles_ = new Handles;
    if (const int error = uv_poll_init(uv_, &handles_->poll, loop_->poller().fd())) {
      delete std::exchange(handles_, nullptr);
      return error;
    }
    uv_timer_init(uv_, &handles_->timer);
    handles_->poll.data = handles_->timer.data = this;
    uv_poll_start(&handles_->poll, UV_READABLE, [](uv_poll_t* handle, int, int) { static_cast<EmbeddedDriver*>(handle->data)->turn(); });
    loop_->refreshClock();
    engine_->start();
    armTimer();
    return 0;
  }

  void run(Command command) override {
    if (!engine_) return;
    if (inTurn_) return command(*engine_);
    loop_->refreshClock();
    command(*engine_);
    loop_->wake();
    armTimer();
  }

  void query(Command ask, std::function<void()> work) override {
    run(std::move(ask));
    work();
  }

  bool embedded() const override { return true; }

  void halt() override {}

  void stop(std::function<void()> stopped) override {
    engine_.reset();
    if (!handles_) return stopped();
    Handles* handles = std::exchange(handles_, nullptr);
    handles->stopped = std::move(stopped);
    handles->poll.data = handles->timer.data = handles;
    uv_poll_stop(&handles->poll);
    uv_timer_stop(&handles->timer);
    uv_close(reinterpret_cast<uv_handle_t*>(&handles->poll), Handles::onClosed);
    uv_close(reinterpret_cast<uv_handle_t*>(&handles->timer), Handles::onClosed);
  }

 private:
  // Outlives the driver: libuv closes handles in its own time.
  struct Handles {
    uv_poll_t poll;
    uv_timer_t timer;
    int open = 2;
    std::function<void()> stopped;
    static void onClosed(uv_handle_t* handle) {
      auto* handles = static_cast<Handles*>(handle->data);
      if (--handles->open > 0) return;
      handles->stopped();
      delete handles;
    }
  };

  void cross(std::span<Record> records) override { cross_(records); }
  bool crossDatagrams(size_t rows) override { return crossDatagrams_(rows); }
  void lookUp(std::span<const Lookup> lookups) override { lookUp_(lookups); }

  void turn() {
    inTurn_ = true;
    loop_->turn(0);
    engine_->turnEnd();
    inTurn_ = false;
    if (engine_->closed()) return finished_();
    armTimer();
  }

  void armTimer() {
    if (!handles_) return;
    const int wait = loop_->msUntilDue();
    // A timer of 0 ms that starts itself again would keep libuv from everything else (1.46: until the clock moves on).
    if (wait <= 0) uv_timer_stop(&handles_->timer);
    if (wait == 0) loop_->wake();
    if (wait > 0) uv_timer_start(&handles_->timer, [](uv_timer_t* handle) { static_cast<EmbeddedDriver*>(handle->data)->turn(); }, uint64_t(wait), 0);
  }

  uv_loop_t* uv_;
  std::unique_ptr<Loop> loop_;
  CrossToJs cross_;
  std::function<bool(size_t)> crossDatagrams_;
  std::function<void(std::span<const Lookup>)> lookUp_;
  std::function<void()> finished_;
  std::unique_ptr<Engine> engine_;
  Handles* handles_ = nullptr;
  bool inTurn_ = false;
};

}  // namespace

Result<std::unique_ptr<Driver>> makeEmbeddedDriver(uv_loop_t* uv, EngineConfig config, Engine** engine) {
  auto loop = Loop::create();
  if (!loop) return loop.error();
  auto driver = std::make_unique<EmbeddedDriver>(uv, std::move(*loop), std::move(config));
  if (auto error = driver->engine()->listen()) return *error;
  *engine = driver->engine();
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace millrace
