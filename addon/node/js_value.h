// JS values over raw Node-API (internal). JS thread only; a JsValue is good for the current handle scope. While a worker is being terminated any
// call into JS may fail at any moment, and the C++ wrapper then aborts the process; here a failed call gives an absent JsValue, whose every
// reading is empty. Invariant: nothing here throws, asserts or leaves an exception that was not there.
#pragma once
#include <node_api.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace millrace {

class JsValue {
 public:
  JsValue() = default;
  JsValue(napi_env env, napi_value value) : env_(env), value_(value) {}

  /// Of a call; absent where it has fewer.
  template <class CallbackInfo>
  static JsValue argument(const CallbackInfo& info, size_t index) {
    return index < info.Length() ? JsValue(info.Env(), napi_value(info[index])) : JsValue();
  }

  static JsValue object(napi_env env) {
    JsValue it(env, nullptr);
    napi_create_object(env, &it.value_);
    return it;
  }
  static JsValue array(napi_env env) {
    JsValue it(env, nullptr);
    napi_create_array(env, &it.value_);
    return it;
  }
  static JsValue of(napi_env env, double number) {
    JsValue it(env, nullptr);
    napi_create_double(env, number, &it.value_);
    return it;
  }
  static JsValue of(napi_env env, const std::string& text) {
    JsValue it(env, nullptr);
    napi_create_string_utf8(env, text.data(), text.size(), &it.value_);
    return it;
  }
  static JsValue of(napi_env env, std::span<const uint8_t> bytes) {
    void* data = nullptr;
    JsValue it(env, nullptr);
    napi_value buffer = nullptr;
    if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return it;
    std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(data));
    napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &it.value_);
    return it;
  }

  napi_value raw() const { return value_; }
  explicit operator bool() const { return value_ != nullptr; }

  JsValue get(const char* name) const {
    JsValue found(env_, nullptr);
    if (value_) napi_get_named_property(env_, value_, name, &found.value_);
    return found;
  }
  JsValue at(uint32_t index) const {
    JsValue found(env_, nullptr);
    if (value_) napi_get_element(env_, value_, index, &found.value_);
    return found;
  }
  uint32_t length() const {
    uint32_t count = 0;
    if (value_) napi_get_array_length(env_, value_, &count);
    return count;
  }
  bool isObject() const { return type() == napi_object; }
  bool isString() const { return type() == napi_string; }
  double number() const {
    double found = 0;
    if (value_) napi_get_value_double(env_, value_, &found);
    return found;
  }
  /// As a whole number; what is negative or absent is 0.
  uint64_t whole() const {
    const double found = number();
    return found > 0 ? uint64_t(found) : 0;
  }
  bool boolean() const {
    bool found = false;
    if (value_) napi_get_value_bool(env_, value_, &found);
    return found;
  }
  std::string text() const {
    size_t size = 0;
    if (!value_ || napi_get_value_string_utf8(env_, value_, nullptr, 0, &size) != napi_ok) return {};
    std::string found(size, 0);
    napi_get_value_string_utf8(env_, value_, found.data(), size + 1, &size);
    return found;
  }
  /// The memory of a Uint8Array, a Float64Array or an ArrayBuffer.
  std::span<uint8_t> bytes() const;

  void set(const char* name, JsValue value) const {
    if (value_ && value.value_) napi_set_named_property(env_, value_, name, value.value_);
  }
  void set(const char* name, double number) const { set(name, of(env_, number)); }
  void set(const char* name, const std::string& text) const { set(name, of(env_, text)); }
  void set(uint32_t index, JsValue value) const {
    if (value_ && value.value_) napi_set_element(env_, value_, index, value.value_);
  }

 private:
  napi_valuetype type() const {
    napi_valuetype found = napi_undefined;
    if (value_) napi_typeof(env_, value_, &found);
    return found;
  }

  napi_env env_ = nullptr;
  napi_value value_ = nullptr;
};

inline std::span<uint8_t> JsValue::bytes() const {
  void* data = nullptr;
  size_t size = 0;
  bool is = false;
  if (!value_) return {};
  if (napi_is_arraybuffer(env_, value_, &is) == napi_ok && is) {
    if (napi_get_arraybuffer_info(env_, value_, &data, &size) != napi_ok) return {};
    return {static_cast<uint8_t*>(data), size};
  }
  napi_typedarray_type type;
  if (napi_is_typedarray(env_, value_, &is) != napi_ok || !is) return {};
  if (napi_get_typedarray_info(env_, value_, &type, &size, &data, nullptr, nullptr) != napi_ok) return {};
  const size_t each = type == napi_float64_array ? 8 : 1;
  return {static_cast<uint8_t*>(data), size * each};
}

}  // namespace millrace
