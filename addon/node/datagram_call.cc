#include "node/datagram_call.h"

namespace millrace {
namespace {

template <class T>
std::span<T> as(std::span<uint8_t> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace

std::unique_ptr<DatagramCall> DatagramCall::create(napi_env env, JsValue options) {
  std::unique_ptr<DatagramCall> it(new DatagramCall(env));
  const char* names[] = {"onBatch", "arena", "rows", "replies", "out"};
  for (size_t i = 0; i < 5; ++i) {
    const JsValue value = options.get(names[i]);
    if (!value || napi_create_reference(env, value.raw(), 1, &it->references_[i]) != napi_ok) return nullptr;
  }
  it->buffers_ = {options.get("arena").bytes(), as<DatagramRow>(options.get("rows").bytes()), as<DatagramReply>(options.get("replies").bytes()),
                  options.get("out").bytes()};
  // A train has at most 128 datagrams; all of one have to fit.
  if (it->buffers_.arena.empty() || it->buffers_.rows.size() < 256 || it->buffers_.replies.size() < 2 || it->buffers_.out.empty()) return nullptr;
  return it;
}

DatagramCall::~DatagramCall() {
  for (napi_ref reference : references_) {
    if (reference) napi_delete_reference(env_, reference);
  }
}

bool DatagramCall::operator()(JsCall& js, size_t rows) {
  const HandleScope scope(env_);
  napi_value function = nullptr;
  return napi_get_reference_value(env_, references_[0], &function) == napi_ok && function && js.call(function, {JsValue::of(env_, double(rows)).raw()});
}

}  // namespace millrace
