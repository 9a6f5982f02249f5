#include "node/js_call.h"

#include <cassert>
#include <cstring>

namespace millrace {

JsCall::JsCall(Napi::Function onRecords, Napi::ArrayBuffer records, Napi::ArrayBuffer arena)
    : env_(onRecords.Env()),
      onRecords_(Napi::Persistent(onRecords)),
      recordsReference_(Napi::Reference<Napi::ArrayBuffer>::New(records, 1)),
      arenaReference_(Napi::Reference<Napi::ArrayBuffer>::New(arena, 1)),
      records_(static_cast<uint8_t*>(records.Data()), records.ByteLength()),
      arena_(static_cast<uint8_t*>(arena.Data()), arena.ByteLength()) {
  napi_async_init(env_, nullptr, Napi::String::New(env_, "millrace"), &context_);
}

JsCall::~JsCall() {
  if (context_) napi_async_destroy(env_, context_);
}

void JsCall::operator()(std::span<Record> records) {
  if (silent_ || records.empty()) return;
  assert(records.size_bytes() <= records_.size());
  std::memcpy(records_.data(), records.data(), records.size_bytes());
  {
    const Napi::HandleScope scope(env_);
    napi_value count = nullptr;
    napi_create_uint32(env_, uint32_t(records.size()), &count);
    call(env_, context_, onRecords_.Value(), {count});
  }
  std::memcpy(static_cast<void*>(records.data()), records_.data(), records.size_bytes());
}

void JsCall::call(Napi::Env env, napi_async_context context, napi_value function, std::initializer_list<napi_value> arguments) {
  napi_callback_scope scope = nullptr;
  if (napi_open_callback_scope(env, nullptr, context, &scope) != napi_ok) return;
  napi_value receiver = nullptr, ignored = nullptr;
  napi_get_global(env, &receiver);
  if (napi_call_function(env, receiver, function, arguments.size(), arguments.begin(), &ignored) != napi_ok) {
    bool pending = false;
    napi_value thrown = nullptr;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending && napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
      napi_fatal_exception(env, thrown);
    }
  }
  napi_close_callback_scope(env, scope);
}

}  // namespace millrace
