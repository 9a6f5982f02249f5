// JsCall: the one place where JS is called (internal). Owns references to the function and to the buffers shared with it. JS thread only.
// A raw napi_call_function inside a callback scope, so that nextTicks and promises run before it returns. What JS throws is handed to
// 'uncaughtException'; an environment that can no longer run JS is tolerated.
#pragma once
#include <napi.h>

#include <span>

#include "relay/record.h"

namespace millrace {

class JsCall {
 public:
  JsCall(Napi::Function onRecords, Napi::ArrayBuffer records, Napi::ArrayBuffer arena);
  ~JsCall();
  JsCall(const JsCall&) = delete;
  JsCall& operator=(const JsCall&) = delete;

  std::span<uint8_t> arena() const { return arena_; }
  /// Copies the records into the shared buffer, calls JS, and copies them back with its verdicts.
  void operator()(std::span<Record> records);
  /// Any other callback, under the same rules.
  static void call(Napi::Env env, napi_async_context context, napi_value function, std::initializer_list<napi_value> arguments);
  napi_async_context context() const { return context_; }
  /// After this JS is never called again.
  void silence() { silent_ = true; }

 private:
  Napi::Env env_;
  Napi::FunctionReference onRecords_;
  Napi::Reference<Napi::ArrayBuffer> recordsReference_;
  Napi::Reference<Napi::ArrayBuffer> arenaReference_;
  std::span<uint8_t> records_;
  std::span<uint8_t> arena_;
  napi_async_context context_ = nullptr;
  bool silent_ = false;
};

}  // namespace millrace
