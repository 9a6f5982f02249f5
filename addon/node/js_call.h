// JsCall: the one place where JS is called (internal). Owns references to the function and to the buffers shared with it. JS thread only.
// A raw napi_call_function inside a callback scope, so that nextTicks and promises run before it returns. What JS throws is handed to
// 'uncaughtException'; an environment that can no longer run JS is tolerated.
#pragma once
#include <initializer_list>
#include <memory>

#include "node/js_value.h"
#include "relay/record.h"

namespace millrace {

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env, &scope_); }
  ~HandleScope() {
    if (scope_) napi_close_handle_scope(env_, scope_);
  }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

/// A function kept alive until this is destroyed, which must be on the JS thread.
class JsFunction {
 public:
  JsFunction(napi_env env, JsValue function) : env_(env) {
    if (function) napi_create_reference(env, function.raw(), 1, &reference_);
  }
  ~JsFunction() {
    if (reference_) napi_delete_reference(env_, reference_);
  }
  JsFunction(const JsFunction&) = delete;
  JsFunction& operator=(const JsFunction&) = delete;

  /// Null where it cannot be had any more. The caller has a handle scope.
  napi_value get() const {
    napi_value function = nullptr;
    if (reference_) napi_get_reference_value(env_, reference_, &function);
    return function;
  }

 private:
  napi_env env_;
  napi_ref reference_ = nullptr;
};

class JsCall {
 public:
  /// From `onRecords`, `records` and `arena` of the options; null where one of them is missing.
  static std::unique_ptr<JsCall> create(napi_env env, JsValue options);
  ~JsCall();
  JsCall(const JsCall&) = delete;
  JsCall& operator=(const JsCall&) = delete;

  std::span<uint8_t> arena() const { return arena_; }
  /// Copies the records into the shared buffer, calls JS, and copies them back with its verdicts.
  void operator()(std::span<Record> records);
  /// Any other callback, under the same rules; whether it has returned. The caller has a handle scope.
  bool call(napi_value function, std::initializer_list<napi_value> arguments);
  /// After this JS is never called again.
  void silence() { silent_ = true; }

 private:
  explicit JsCall(napi_env env) : env_(env) {}

  napi_env env_;
  napi_ref references_[3] = {};  // onRecords, records, arena
  std::span<uint8_t> records_;
  std::span<uint8_t> arena_;
  napi_async_context context_ = nullptr;
  bool silent_ = false;
};

}  // namespace millrace
