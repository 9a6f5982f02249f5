// ShardFamily: how a loop knows whether others that listen at the same addresses still drain (internal). Owns nothing but its place in the
// count, which is in memory that all of them see, in other threads of JS too. One loop's thread only, but for the count.
// Invariant: who has joined leaves once, at the latest when it is destroyed. Without a count it is alone, and has always left.
#pragma once
#include <atomic>
#include <cstdint>

namespace millrace {

class ShardFamily {
 public:
  ShardFamily() = default;
  ShardFamily(const ShardFamily&) = delete;
  ShardFamily& operator=(const ShardFamily&) = delete;
  ~ShardFamily() { leave(); }

  void join(int32_t* count) {
    if (joined_ || !count) return;
    count_ = count;
    joined_ = true;
    std::atomic_ref(*count_).fetch_add(1, std::memory_order_relaxed);
  }
  /// It has nothing more to do.
  void leave() {
    if (!joined_) return;
    joined_ = false;
    std::atomic_ref(*count_).fetch_sub(1, std::memory_order_relaxed);
  }
  bool allLeft() const { return !count_ || std::atomic_ref(*count_).load(std::memory_order_relaxed) <= 0; }

 private:
  int32_t* count_ = nullptr;
  bool joined_ = false;
};

}  // namespace millrace
