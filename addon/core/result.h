// Set-up failures as values (internal). Result<T> holds a T or a SysError; hot paths do not use it, they return a count or -errno.
// Any thread. Nothing here throws: asking a failed Result for its value asserts.
#pragma once
#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace millrace {

struct SysError {
  int err = 0;              // errno, positive
  const char* syscall = ""; // a literal: "bind", "listen", ...
  std::string address;      // what it was about, empty where nothing
  uint16_t port = 0;
};

template <class T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(SysError error) : error_(std::move(error)) {}

  explicit operator bool() const { return value_.has_value(); }
  T& operator*() {
    assert(value_);
    return *value_;
  }
  T* operator->() { return &**this; }
  const SysError& error() const { return error_; }

 private:
  std::optional<T> value_;
  SysError error_;
};

}  // namespace millrace
