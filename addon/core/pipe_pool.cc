#include "core/pipe_pool.h"

#include <algorithm>
#include <new>
#include <utility>

namespace millrace {

PipePool::PipePool(Loop& loop, size_t maxBytes, bool anySize) : loop_(loop), maxBytes_(maxBytes), anySize_(anySize) {
  sweep_.pool = this;
  sweep_.fire = [](LoopTimer& timer) { static_cast<Sweep&>(timer).pool->sweep(); };
}

PipePool::~PipePool() {
  loop_.timers().cancel(sweep_);
  while (free_) close(popFree());
  assert(openBytes_ == 0);
}

Pipe* PipePool::take() { return free_ ? popFree() : open(); }

void PipePool::give(Pipe* pipe) {
  if (pipe->size() > 0) return close(pipe);
  pushFree(pipe);
}

bool PipePool::hasAnother() {
  if (free_) return true;
  Pipe* const pipe = open();
  if (pipe) pushFree(pipe);
  return pipe != nullptr;
}

Pipe* PipePool::open() {
  if (openBytes_ + pipeBytes > maxBytes_ || loop_.now() < retryAtMs_) return nullptr;
  Pipe* const pipe = new (std::nothrow) Pipe;
  if (!pipe) return nullptr;
  pipe->open(pipeBytes);
  openBytes_ += pipe->capacity();
  if (*pipe && pipe->capacity() >= (anySize_ ? 1 : leastPipeBytes)) return pipe;
  retryAtMs_ = loop_.now() + retryMs;
  close(pipe);
  return nullptr;
}

void PipePool::close(Pipe* pipe) {
  openBytes_ -= pipe->capacity();
  delete pipe;
}

void PipePool::pushFree(Pipe* pipe) {
  pipe->next_ = free_;
  free_ = pipe;
  ++freeCount_;
  if (sweep_.armed()) return;
  leastFree_ = freeCount_;
  loop_.timers().arm(sweep_, loop_.now() + idleMs);
}

Pipe* PipePool::popFree() {
  Pipe* const pipe = free_;
  free_ = std::exchange(pipe->next_, nullptr);
  leastFree_ = std::min(leastFree_, --freeCount_);
  return pipe;
}

void PipePool::sweep() {
  for (uint32_t idle = leastFree_; idle > 0; --idle) close(popFree());
  leastFree_ = freeCount_;
  if (free_) loop_.timers().arm(sweep_, loop_.now() + idleMs);
}

}  // namespace millrace
