#include "core/block_pool.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace millrace {

BlockPool::~BlockPool() {
  assert(inUse_ == 0);
  while (free_) std::free(std::exchange(free_, free_->next));
}

Block* BlockPool::take() {
  if (inUse_ >= maxBlocks_) return nullptr;
  Block* block = free_;
  if (block) {
    free_ = block->next;
    --freeCount_;
  } else {
    block = static_cast<Block*>(std::malloc(sizeof(Block)));
    if (!block) return nullptr;
  }
  ++inUse_;
  block->next = nullptr;
  block->begin = block->end = 0;
  return block;
}

void BlockPool::give(Block* block) {
  assert(inUse_ > 0);
  --inUse_;
  if (freeCount_ >= keepFree) {
    std::free(block);
    return;
  }
  block->next = free_;
  free_ = block;
  ++freeCount_;
}

size_t ByteQueue::push(BlockPool& pool, std::span<const uint8_t> bytes) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    if (!tail_ || tail_->end == Block::capacity) {
      Block* block = pool.take();
      if (!block) break;
      block->next = block;
      if (tail_) std::swap(block->next, tail_->next);
      tail_ = block;
    }
    const size_t part = std::min<size_t>(bytes.size() - taken, Block::capacity - tail_->end);
    std::memcpy(tail_->data + tail_->end, bytes.data() + taken, part);
    tail_->end += uint32_t(part);
    taken += part;
  }
  size_ += taken;
  return taken;
}

size_t ByteQueue::peek(std::span<iovec> vectors) const {
  size_t used = 0;
  for (Block* block = tail_; block && used < vectors.size();) {
    block = block->next;
    vectors[used++] = {block->data + block->begin, block->end - block->begin};
    if (block == tail_) break;
  }
  return used;
}

void ByteQueue::consume(BlockPool& pool, size_t count) {
  assert(count <= size_);
  size_ -= count;
  while (tail_) {
    Block* const first = tail_->next;
    const size_t there = first->end - first->begin;
    if (count < there) {
      first->begin += uint32_t(count);
      return;
    }
    count -= there;
    if (first == tail_) tail_ = nullptr;
    else tail_->next = first->next;
    pool.give(first);
  }
}

void ByteQueue::append(ByteQueue& other) {
  if (!other.tail_) return;
  if (tail_) std::swap(tail_->next, other.tail_->next);
  tail_ = other.tail_;
  size_ += other.size_;
  other = ByteQueue();
}

}  // namespace millrace
