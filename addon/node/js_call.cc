#include "node/js_call.h"

#include <cassert>
#include <cstring>

namespace millrace {

std::unique_ptr<JsCall> JsCall::create(napi_env env, JsValue options) {
  std::unique_ptr<JsCall> it(new JsCall(env));
  const char* names[] = {"onRecords", "records", "arena"};
  for (size_t i = 0; i < 3; ++i) {
    const JsValue value = options.get(names[i]);
    if (!value || napi_create_reference(env, value.raw(), 1, &it->references_[i]) != napi_ok) return nullptr;
  }
  it->records_ = options.get("records").bytes();
  it->arena_ = options.get("arena").bytes();
  if (it->records_.empty() || it->arena_.empty()) return nullptr;
  if (napi_async_init(env, nullptr, JsValue::of(env, std::string("millrace")).raw(), &it->context_) != napi_ok) return nullptr;
  return it;
}

JsCall::~JsCall() {
  if (context_) napi_async_destroy(env_, context_);
  for (napi_ref reference : references_) {
    if (reference) napi_delete_reference(env_, reference);
  }
}

void JsCall::operator()(std::span<Record> records) {
  if (silent_ || records.empty()) return;
  assert(records.size_bytes() <= records_.size());
  std::memcpy(records_.data(), records.data(), records.size_bytes());
  {
    const HandleScope scope(env_);
    napi_value function = nullptr;
    if (napi_get_reference_value(env_, references_[0], &function) == napi_ok && function) {
      call(function, {JsValue::of(env_, double(records.size())).raw()});
    }
  }
  std::memcpy(static_cast<void*>(records.data()), records_.data(), records.size_bytes());
}

bool JsCall::call(napi_value function, std::initializer_list<napi_value> arguments) {
  napi_callback_scope scope = nullptr;
  if (silent_ || napi_open_callback_scope(env_, nullptr, context_, &scope) != napi_ok) return false;
  napi_value receiver = nullptr, ignored = nullptr;
  napi_get_global(env_, &receiver);
  const bool returned = napi_call_function(env_, receiver, function, arguments.size(), arguments.begin(), &ignored) == napi_ok;
  if (!returned) {
    bool pending = false;
    napi_value thrown = nullptr;
    if (napi_is_exception_pending(env_, &pending) == napi_ok && pending && napi_get_and_clear_last_exception(env_, &thrown) == napi_ok) {
      napi_fatal_exception(env_, thrown);
    }
  }
  napi_close_callback_scope(env_, scope);
  return returned;
}

}  // namespace millrace
