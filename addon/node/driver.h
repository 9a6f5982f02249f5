// Driver: what makes a loop turn (internal). Two kinds: embedded in the calling thread's libuv loop, or a thread of its own. Owned by the
// RelayObject; created, called and destroyed on the JS thread. The engine is only ever touched on the thread that turns the loop.
// stop() is final: it ends all sessions, joins a thread, closes libuv handles, and calls `stopped` when the last of them is closed.
#pragma once
#include <uv.h>

#include <functional>
#include <memory>

#include "relay/loop_thread.h"

namespace millrace {

/// Calls JS; the records' verdicts are filled in where the driver can wait for them.
using CrossToJs = std::function<void(std::span<Record>)>;

class Driver {
 public:
  virtual ~Driver() = default;
  /// Begins to turn; 0 or a libuv error.
  virtual int start() = 0;
  /// Has the command carried out on the loop's thread: at once when embedded, soon otherwise.
  virtual void run(Command command) = 0;
  /// Runs `work` on the JS thread once `query` has run on the loop's.
  virtual void query(Command query, std::function<void()> work) = 0;
  /// Whether commands run at once, so that a command may return something.
  virtual bool embedded() const = 0;
  /// The loop turns no more: from here on the engine belongs to the JS thread.
  virtual void halt() = 0;
  /// `stopped` may destroy the driver.
  virtual void stop(std::function<void()> stopped) = 0;
};

struct EngineConfig {
  RelayOptions options;
  Placement placement;  // of a loop on a thread of its own
  std::vector<Plan> plans;
  std::span<uint8_t> arena;
  DatagramBuffers datagrams;
  CrossToJs cross;
  std::function<bool(size_t)> crossDatagrams;  // of an embedded loop
  std::function<void(std::span<const Lookup>)> lookUp;  // on the JS thread
  std::function<void()> finished;  // on the JS thread, when the engine is closed and JS has been told all; then stop() is due
};

/// Both bind the listeners; on failure the error is the result.
Result<std::unique_ptr<Driver>> makeEmbeddedDriver(uv_loop_t* uv, EngineConfig config, Engine** engine);
Result<std::unique_ptr<Driver>> makeThreadDriver(uv_loop_t* uv, EngineConfig config, Engine** engine);

}  // namespace millrace
