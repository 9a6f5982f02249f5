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
  for (const std::string direction : {"toUpstream.", "toDownstream."}) {
    for (const char* name : {"received", "produced", "sent", "consumed", "pending", "crossed"}) add("datagrams." + direction + name);
    for (const char* name : dropReasonNames) add("dropped." + direction + name);
    for (const char* name : dropReasonNames) add("droppedBytes." + direction + name);
  }
  for (const char* name : {"icmpErrors", "segmentedSends", "segmentationFallbacks"}) add(name);
  return names;
}

Napi::Array textList(Napi::Env env, std::span<const char* const> texts) {
  auto names = Napi::Array::New(env);
  for (const char* name : texts) names.Set(names.Length(), name);
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
  exports.Set("closeReasons", textList(env, reasonNames));
  exports.Set("dropReasons", textList(env, dropReasonNames));
  exports.Set("counterNames", counterNames(env));
  exports.Set("recordKinds", recordKinds(env));
  exports.Set("recordBytes", double(sizeof(Record)));
  return exports;
}

}  // namespace
}  // namespace millrace

static Napi::Object init(Napi::Env env, Napi::Object exports) { return millrace::init(env, exports); }
NODE_API_MODULE(millrace, init)
