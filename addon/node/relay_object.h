// RelayObject: `NativeRelay` of lib/native.ts (internal). Owns a driver and, through it, an engine; lives on the JS thread. Its constructor
// binds the listeners or throws an error shaped like Node's SystemError. It keeps itself alive from start() until the engine is closed; one that is
// not started has to be closed.
// Invariant: when the environment ends, the loop is stopped and every descriptor closed before the environment's handles are, wherever it was.
#pragma once
#include <napi.h>

#include "node/datagram_call.h"
#include "node/driver.h"
#include "node/js_call.h"

namespace millrace {

class RelayObject final : public Napi::ObjectWrap<RelayObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RelayObject(const Napi::CallbackInfo& info);
  ~RelayObject() override;

 private:
  void start(const Napi::CallbackInfo& info);
  Napi::Value addresses(const Napi::CallbackInfo& info);
  void readCounters(const Napi::CallbackInfo& info);
  void sessions(const Napi::CallbackInfo& info);
  void setUpstream(const Napi::CallbackInfo& info);
  void answerLookup(const Napi::CallbackInfo& info);
  void setNetworks(const Napi::CallbackInfo& info);
  void setMembers(const Napi::CallbackInfo& info);
  void setHealth(const Napi::CallbackInfo& info);
  void members(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void endSession(const Napi::CallbackInfo& info);
  void answerHead(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  void endWrite(const Napi::CallbackInfo& info);
  void pause(const Napi::CallbackInfo& info);
  void resume(const Napi::CallbackInfo& info);
  void keepDatagram(const Napi::CallbackInfo& info);
  void readLoad(const Napi::CallbackInfo& info);
  void setPaused(const Napi::CallbackInfo& info, bool paused);

  void steer(const Napi::CallbackInfo& info);

  /// All shards of a pipeline count together: takes the limits of the first one's plans.
  void shareLimits(std::vector<Plan>& plans, const RelayObject* first);
  /// Calls the JS function `done` once the loop has carried `command` out: with what `answer` makes then, or with nothing where there is none.
  void ask(JsValue done, Command command, std::function<JsValue()> answer = nullptr);
  /// Tells JS which names are wanted, and by which sessions.
  void lookUp(std::span<const Lookup> lookups);
  /// Stays until stopped(), whether JS knows it or not.
  void hold();
  /// Ends everything; stopped() runs when libuv has let go of the handles.
  void shutDown();
  void stopped();
  bool live() const { return driver_ && !stopping_; }

  struct Bound {
    uint16_t plan;
    uint16_t endpoint;
    SocketAddress address;
    int receiveBufferBytes;  // 0: not a datagram socket
  };

  std::unique_ptr<JsFunction> draining_;  // its memory is the engine's too
  std::unique_ptr<JsFunction> onLookups_;
  std::unique_ptr<JsCall> js_;
  std::unique_ptr<DatagramCall> datagrams_;
  std::unique_ptr<Driver> driver_;
  Engine* engine_ = nullptr;  // for readLedger, which any thread may call
  std::vector<std::shared_ptr<LimitStage>> limits_;  // of all plans, in their order
  std::vector<Bound> bound_;
  std::vector<CounterValues> lastCounters_;
  std::vector<std::array<double, loadNumbers>> lastLoads_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace millrace
