// DatagramCall: the crossing of datagrams (internal). Owns references to the memory shared with JS and to the function that looks at it. JS thread
// only; the calls themselves go through JsCall, under its rules.
#pragma once
#include <memory>

#include "node/js_call.h"
#include "relay/datagram/row.h"

namespace millrace {

class DatagramCall {
 public:
  /// From `arena`, `rows`, `replies`, `out` and `onBatch`; null where one of them is missing.
  static std::unique_ptr<DatagramCall> create(napi_env env, JsValue options);
  ~DatagramCall();
  DatagramCall(const DatagramCall&) = delete;
  DatagramCall& operator=(const DatagramCall&) = delete;

  const DatagramBuffers& buffers() const { return buffers_; }
  /// False where JS could not be called, or did not return.
  bool operator()(JsCall& js, size_t rows);

 private:
  explicit DatagramCall(napi_env env) : env_(env) {}

  napi_env env_;
  napi_ref references_[5] = {};
  DatagramBuffers buffers_;
};

}  // namespace millrace
