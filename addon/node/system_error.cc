#include "node/system_error.h"

#include <uv.h>

#include "node/js_value.h"

namespace millrace {
namespace {

JsValue create(napi_env env, const std::string& message) {
  napi_value error = nullptr;
  return napi_create_error(env, nullptr, JsValue::of(env, message).raw(), &error) == napi_ok ? JsValue(env, error) : JsValue();
}

}  // namespace

void throwError(napi_env env, const std::string& message) {
  if (const JsValue error = create(env, message); error.isObject()) napi_throw(env, error.raw());
}

void throwSystemError(napi_env env, const SysError& error) {
  const std::string what = std::string(error.syscall) + " " + uv_err_name(-error.err);
  const JsValue object = create(env, error.address.empty() ? what : what + " " + error.address);
  if (!object.isObject()) return;
  object.set("code", std::string(uv_err_name(-error.err)));
  object.set("errno", double(-error.err));
  object.set("syscall", std::string(error.syscall));
  if (!error.address.empty()) {
    object.set("address", error.address);
    object.set("port", double(error.port));
  }
  napi_throw(env, object.raw());
}

}  // namespace millrace
