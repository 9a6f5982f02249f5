// Head: the peeked, not yet forwarded start of a stream (internal). Owns one contiguous growing buffer, freed as soon as the head has
// been delivered, so that no session keeps it while relaying. One loop's thread only. append room is bounded by the node's maxBytes.
// Invariant: size() never exceeds the largest maxBytes of the nodes passed, plus what `replace` put in.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "relay/plan.h"

namespace millrace {

class Head {
 public:
  Head() = default;
  ~Head() { std::free(data_); }
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  uint64_t deadlineMs = UINT64_MAX;
  uint64_t silentAtMs = UINT64_MAX;  // no byte until then decides
  PeerAddress destination;   // where a proxy says that it was reached; none: nobody has said so
  std::optional<std::vector<uint8_t>> proxied;  // the TLVs of its header, until JS has been told
  bool ended = false;        // the peer has sent FIN
  bool entered = false;      // the current node has set its deadline
  bool verdictDue = false;   // JS has been asked and has not answered
  uint32_t askedAt = UINT32_MAX;  // size at which `more` was answered
  std::unique_ptr<Asked> asked;   // by the client of a proxy
  std::unique_ptr<Talk> talk;     // with proxies on the way

  size_t size() const { return size_; }
  uint64_t dueMs() const { return size_ == 0 ? std::min(deadlineMs, silentAtMs) : deadlineMs; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

  /// Room for at least one byte and at most up to `maxBytes` in all; empty where that is reached or there is no memory.
  std::span<uint8_t> room(size_t maxBytes) {
    if (size_ >= maxBytes) return {};
    if (size_ == capacity_ && !reserve(std::min(maxBytes, capacity_ ? capacity_ * 2 : size_t(2048)))) return {};
    return {data_ + size_, std::min(capacity_, maxBytes) - size_};
  }
  void added(size_t bytes) { size_ += bytes; }

  /// Forgets the first `count` bytes, which have been delivered.
  void delivered(size_t count) {
    std::memmove(data_, data_ + count, size_ - count);
    size_ -= count;
  }

  /// Puts `with` in the place of the first `count` bytes; false where there is no memory.
  bool replace(size_t count, std::span<const uint8_t> with) {
    const size_t rest = size_ - count;
    if (!reserve(std::max<size_t>(with.size() + rest, 1))) return false;
    std::memmove(data_ + with.size(), data_ + count, rest);
    if (!with.empty()) std::memcpy(data_, with.data(), with.size());
    size_ = with.size() + rest;
    return true;
  }

 private:
  bool reserve(size_t bytes) {
    if (bytes <= capacity_) return true;
    auto* grown = static_cast<uint8_t*>(std::realloc(data_, bytes));
    if (!grown) return false;
    data_ = grown;
    capacity_ = bytes;
    return true;
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace millrace
