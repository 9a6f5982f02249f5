// Partial: the beginning of a message that has not come whole (internal). Owns its bytes; made when a stream pauses within a message, and gone with
// the message. One loop's thread only.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace {

class Partial {
 public:
  /// The longest message that is put together; a Binding request has a few dozen bytes.
  static constexpr size_t mostBytes = 2048;

  std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }
  size_t size() const { return size_; }

  /// Takes what is missing to `wanted`, at most mostBytes; how many bytes those were.
  size_t add(std::span<const uint8_t> more, size_t wanted) {
    const size_t count = std::min(more.size(), wanted - size_);
    std::memcpy(bytes_.data() + size_, more.data(), count);
    size_ += count;
    return count;
  }

 private:
  size_t size_ = 0;
  std::array<uint8_t, mostBytes> bytes_;
};

}  // namespace millrace
