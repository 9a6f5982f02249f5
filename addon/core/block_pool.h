// BlockPool and ByteQueue: where refused bytes wait (internal). The pool owns fixed blocks under a hard cap and keeps freed ones
// for reuse; a ByteQueue is a ring of them, 16 bytes while empty. One loop's thread only.
// Invariant: the pool's blocks in use never exceed maxBlocks; push() tells what did not fit and never allocates past it.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

struct Block {
  static constexpr size_t bytes = 16 * 1024;
  static constexpr size_t capacity = bytes - 16;
  Block* next;
  uint32_t begin;
  uint32_t end;
  uint8_t data[capacity];
};
static_assert(sizeof(Block) == Block::bytes);

class BlockPool {
 public:
  explicit BlockPool(size_t maxBytes) : maxBlocks_(maxBytes / Block::bytes) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// A block, or null at the cap or where the system has no memory.
  Block* take();
  void give(Block* block);
  /// What so many bytes take of it, in blocks of their own.
  static constexpr size_t whole(size_t bytes) { return (bytes + Block::capacity - 1) / Block::capacity * Block::capacity; }
  size_t availableBytes() const { return (maxBlocks_ - inUse_) * Block::capacity; }
  size_t inUseBytes() const { return inUse_ * Block::bytes; }

 private:
  static constexpr size_t keepFree = 256;  // 4 MiB stay warm; what is freed beyond goes back to the system
  const size_t maxBlocks_;
  size_t inUse_ = 0;
  size_t freeCount_ = 0;
  Block* free_ = nullptr;
};

class ByteQueue {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Appends; returns how many bytes were taken (fewer only at the pool's cap).
  size_t push(BlockPool& pool, std::span<const uint8_t> bytes);
  /// Fills `vectors` with the front of the queue; returns how many are used.
  size_t peek(std::span<iovec> vectors) const;
  void consume(BlockPool& pool, size_t count);
  /// Takes over all that is in `other`, behind its own.
  void append(ByteQueue& other);
  void clear(BlockPool& pool) { consume(pool, size_); }

 private:
  Block* tail_ = nullptr;  // whose next is the first
  size_t size_ = 0;
};

}  // namespace millrace
