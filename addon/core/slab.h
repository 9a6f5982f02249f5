// Slab<T>: slots that never move, named by index + generation (internal). A Token with a stale generation finds nothing, so an
// event that was harvested before its slot was freed is dropped by construction. One loop's thread only.
// Invariant: free() destroys T and bumps the generation at once; the memory is reused only by a later take().
#pragma once
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace millrace {

struct Token {
  uint32_t index = 0;
  uint32_t generation = 0;  // 0 names nothing
  bool operator==(const Token&) const = default;
};

template <class T>
class Slab {
 public:
  static constexpr uint32_t maxSlots = 1u << 21;  // with a generation 45 bits: an id has room for a kind, and for a loop among 128, in a double's 53
  static constexpr uint32_t generationMask = (1u << 24) - 1;

  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    forEach([](Token, T& value) { value.~T(); });
    for (Slot* chunk : chunks_) std::free(chunk);
  }

  /// A new T, or a token of generation 0 where the system has no memory.
  template <class... Args>
  Token take(Args&&... args) {
    if (freeHead_ == none && !grow()) return {};
    const uint32_t index = freeHead_;
    Slot& slot = slotAt(index);
    freeHead_ = slot.nextFree;
    slot.live = true;
    ++live_;
    new (slot.storage) T(std::forward<Args>(args)...);
    return {index, slot.generation};
  }

  /// The live slot at `index`.
  T* at(uint32_t index) {
    assert(slotAt(index).live);
    return slotAt(index).value();
  }

  T* find(Token token) {
    if (token.index >= count_) return nullptr;
    Slot& slot = slotAt(token.index);
    return slot.live && slot.generation == token.generation ? slot.value() : nullptr;
  }

  void free(Token token) {
    T* value = find(token);
    assert(value);
    Slot& slot = slotAt(token.index);
    value->~T();
    slot.live = false;
    slot.generation = slot.generation == generationMask ? 1 : slot.generation + 1;
    slot.nextFree = freeHead_;
    freeHead_ = token.index;
    --live_;
  }

  uint32_t size() const { return live_; }

  template <class F>
  void forEach(F&& visit) {
    for (uint32_t i = 0; i < count_; ++i) {
      Slot& slot = slotAt(i);
      if (slot.live) visit(Token{i, slot.generation}, *slot.value());
    }
  }

 private:
  static constexpr uint32_t none = (1u << 31) - 1;
  static constexpr uint32_t chunkSlots = 256;

  struct Slot {
    alignas(T) unsigned char storage[sizeof(T)];
    uint32_t generation;
    uint32_t nextFree : 31;
    uint32_t live : 1;
    T* value() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  Slot& slotAt(uint32_t index) { return chunks_[index / chunkSlots][index % chunkSlots]; }

  bool grow() {
    if (count_ >= maxSlots) return false;
    auto* chunk = static_cast<Slot*>(std::malloc(sizeof(Slot) * chunkSlots));
    if (!chunk) return false;
    chunks_.push_back(chunk);
    for (uint32_t i = chunkSlots; i-- > 0;) {
      chunk[i].generation = 1;
      chunk[i].live = false;
      chunk[i].nextFree = freeHead_;
      freeHead_ = count_ + i;
    }
    count_ += chunkSlots;
    return true;
  }

  std::vector<Slot*> chunks_;
  uint32_t count_ = 0;
  uint32_t live_ = 0;
  uint32_t freeHead_ = none;
};

}  // namespace millrace
