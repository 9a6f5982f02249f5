// The module: what `require` of the addon gives (internal; lib/native.ts has the types). Nothing is global: each environment, the main thread's
// or a worker's, gets its own constructor and its own relays.
#include <napi.h>
#include <sched.h>

#include "node/js_value.h"
#include "node/probe_call.h"
#include "node/readings.h"
#include "node/relay_object.h"
#include "node/system_error.h"

namespace millrace {
namespace {

constexpr const char* byteCounterNames[] = {"received", "produced", "sent", "consumed", "dropped", "pending", "crossed"};
static_assert(std::size(byteCounterNames) == sizeof(ByteCounts) / sizeof(uint64_t));

Napi::Array counterNames(Napi::Env env) {
  auto names = Napi::Array::New(env);
  const auto add = [&](const std::string& name) { names.Set(names.Length(), name); };
  for (const char* name : {"accepted", "open", "closed"}) add(name);
  for (const char* direction : {"toUpstream.", "toDownstream."}) {
    for (const char* name : byteCounterNames) add(std::string(direction) + name);
  }
  for (const char* name : reasonNames) add(std::string("reason.") + name);
  for (const std::string direction : {"toUpstream.", "toDownstream."}) {
    for (const char* name : {"received", "produced", "sent", "consumed", "pending", "crossed"}) add("datagrams." + direction + name);
    for (const char* name : dropReasonNames) add("dropped." + direction + name);
    for (const char* name : dropReasonNames) add("droppedBytes." + direction + name);
  }
  for (const char* name : {"icmpErrors", "segmentedSends", "segmentationFallbacks"}) add(name);
  for (const char* name : {"inUse", "capacityBytes", "bytes"}) add(std::string("pipes.") + name);
  return names;
}

Napi::Array textList(Napi::Env env, std::span<const char* const> texts) {
  auto names = Napi::Array::New(env);
  for (const char* name : texts) names.Set(names.Length(), name);
  return names;
}

Napi::Object recordKinds(Napi::Env env) {
  constexpr const char* names[] = {"head", "chunk", "data", "end", "drain", "open", "close", "abandoned", "notice", "closed", "started", "proxied"};
  static_assert(std::size(names) == size_t(RecordKind::proxied));
  auto kinds = Napi::Object::New(env);
  for (uint32_t i = 0; i < std::size(names); ++i) kinds.Set(names[i], i + 1);
  return kinds;
}

void pinThread(const Napi::CallbackInfo& info) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(uint32_t(JsValue(info.Env(), napi_value(info[0])).whole()), &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) == 0) return;
  throwSystemError(info.Env(), {errno, "sched_setaffinity", "", 0});
}

Napi::Value probeFor(const Napi::CallbackInfo& info) { return Napi::Value(info.Env(), probeCall(info.Env(), JsValue(info.Env(), info[0])).raw()); }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("pinThread", Napi::Function::New<pinThread>(env));
  exports.Set("Relay", RelayObject::define(env));
  exports.Set("closeReasons", textList(env, reasonNames));
  exports.Set("dropReasons", textList(env, dropReasonNames));
  exports.Set("counterNames", counterNames(env));
  exports.Set("recordKinds", recordKinds(env));
  exports.Set("recordBytes", double(sizeof(Record)));
  exportReadings(env, exports);
  exports.Set("probe", Napi::Function::New(env, probeFor, "probe"));
  return exports;
}

}  // namespace
}  // namespace millrace

static Napi::Object init(Napi::Env env, Napi::Object exports) { return millrace::init(env, exports); }
NODE_API_MODULE(millrace, init)
