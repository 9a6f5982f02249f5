#include "core/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace millrace {
namespace {

void append(Timer& head, Timer& timer) {
  timer.prev = head.prev;
  timer.next = &head;
  head.prev->next = &timer;
  head.prev = &timer;
}

}  // namespace

TimerWheel::TimerWheel(uint64_t nowMs) : now_(nowMs) {
  for (Timer* head : {&due_, &expiring_}) head->next = head->prev = head;
  for (Timer& head : slots_) head.next = head.prev = &head;
}

void TimerWheel::arm(Timer& timer, uint64_t deadlineMs) {
  if (timer.armed()) unlink(timer);
  else ++size_;
  timer.deadlineMs = std::min(deadlineMs, UINT64_MAX - 1);
  place(timer);
}

void TimerWheel::cancel(Timer& timer) {
  if (!timer.armed()) return;
  unlink(timer);
  --size_;
}

void TimerWheel::place(Timer& timer) {
  if (timer.deadlineMs <= now_) return append(due_, timer);
  const int level = (std::bit_width(timer.deadlineMs ^ now_) - 1) / kDigitBits;
  const auto slot = static_cast<int>(timer.deadlineMs >> (level * kDigitBits) & (kSlots - 1));
  append(slots_[level * kSlots + slot], timer);
  occupied_[level] |= uint64_t{1} << slot;
  levels_ |= 1u << level;
}

// A list that has become empty is known by its only link: the head, whose place in slots_ says which bit to clear.
void TimerWheel::unlink(Timer& timer) {
  timer.prev->next = timer.next;
  timer.next->prev = timer.prev;
  const Timer* head = timer.next == timer.prev ? timer.next : nullptr;
  timer.next = timer.prev = nullptr;
  if (head == nullptr) return;
  if (std::less<>{}(head, slots_) || !std::less<>{}(head, slots_ + kLevels * kSlots)) return;
  const auto index = static_cast<int>(head - slots_);
  const int level = index / kSlots;
  occupied_[level] &= ~(uint64_t{1} << index % kSlots);
  if (occupied_[level] == 0) levels_ &= ~(1u << level);
}

uint64_t TimerWheel::nextWakeMs() const {
  if (due_.next != &due_) return now_;
  if (levels_ == 0) return UINT64_MAX;
  const int level = std::countr_zero(levels_);
  const auto slot = static_cast<uint64_t>(std::countr_zero(occupied_[level]));
  const int shift = level * kDigitBits;
  return ((now_ >> shift & ~uint64_t{kSlots - 1}) | slot) << shift;
}

// Moves what is due to expiring_, slot by slot: of level 0 a slot is one millisecond, of a higher level it is spread over the
// lower ones when its first millisecond comes.
void TimerWheel::collect(uint64_t nowMs) {
  const auto expire = [this](Timer& timer) {
    unlink(timer);
    append(expiring_, timer);
  };
  while (due_.next != &due_) expire(*due_.next);
  while (levels_ != 0) {
    const uint64_t start = nextWakeMs();
    if (start > nowMs) break;
    const int level = std::countr_zero(levels_);
    Timer& head = slots_[level * kSlots + std::countr_zero(occupied_[level])];
    now_ = start;
    while (head.next != &head) {
      Timer& timer = *head.next;
      if (timer.deadlineMs <= now_) {
        expire(timer);
      } else {
        unlink(timer);
        place(timer);
      }
    }
  }
  now_ = std::max(now_, nowMs);
}

}  // namespace millrace
