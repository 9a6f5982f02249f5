// The module: what `require` of the addon gives (internal; lib/native.ts has the types). Nothing is global: each environment, the main thread's
// or a worker's, gets its own constructor and its own relays.
#include <napi.h>

#include "node/relay_object.h"

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
  return names;
}

Napi::Array closeReasons(Napi::Env env) {
  auto names = Napi::Array::New(env);
  for (const char* name : reasonNames) names.Set(names.Length(), name);
  return names;
}

Napi::Object recordKinds(Napi::Env env) {
  constexpr const char* names[] = {"head", "chunk", "data", "end", "drain", "open", "close", "abandoned", "notice", "closed", "started"};
  static_assert(std::size(names) == size_t(RecordKind::started));
  auto kinds = Napi::Object::New(env);
  for (uint32_t i = 0; i < std::size(names); ++i) kinds.Set(names[i], i + 1);
  return kinds;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Relay", RelayObject::define(env));
  exports.Set("closeReasons", closeReasons(env));
  exports.Set("counterNames", counterNames(env));
  exports.Set("recordKinds", recordKinds(env));
  exports.Set("recordBytes", double(sizeof(Record)));
  return exports;
}

}  // namespace
}  // namespace millrace

static Napi::Object init(Napi::Env env, Napi::Object exports) { return millrace::init(env, exports); }
NODE_API_MODULE(millrace, init)
