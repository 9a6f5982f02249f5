#include "core/call_batch.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "core/sys.h"

namespace millrace {
namespace {

// Younger than the headers that some systems build with.
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif

constexpr uint32_t sendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
constexpr uint32_t receiveFlags = MSG_DONTWAIT;
// One thread enters, so the kernel needs no lock; completions never interrupt it; and a call that is refused does not end the batch.
constexpr uint32_t setup = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED;

unsigned load(unsigned* shared) { return std::atomic_ref<unsigned>(*shared).load(std::memory_order_acquire); }
void store(unsigned* shared, unsigned value) { std::atomic_ref<unsigned>(*shared).store(value, std::memory_order_release); }

int enter(int ring, unsigned submit, unsigned complete) {
  return sys::retry([&] { return int(::syscall(SYS_io_uring_enter, ring, submit, complete, IORING_ENTER_GETEVENTS, nullptr, 0)); });
}

}  // namespace

void CallBatch::open() {
  io_uring_params params{};
  params.flags = setup;
  ring_ = Fd(int(::syscall(SYS_io_uring_setup, most, &params)));
  if (!ring_) return;
  const size_t submissions = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  const size_t completions = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
  rings_ = Mapping(ring_.get(), std::max(submissions, completions), IORING_OFF_SQ_RING);
  entries_ = Mapping(ring_.get(), params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (!rings_ || !entries_) return close();
  submitted_ = rings_.at<unsigned>(params.sq_off.tail);
  submissionMask_ = *rings_.at<unsigned>(params.sq_off.ring_mask);
  completed_ = rings_.at<unsigned>(params.cq_off.head);
  completing_ = rings_.at<unsigned>(params.cq_off.tail);
  completionMask_ = *rings_.at<unsigned>(params.cq_off.ring_mask);
  completions_ = rings_.at<io_uring_cqe>(params.cq_off.cqes);
  for (unsigned i = 0; i < params.sq_entries; ++i) rings_.at<unsigned>(params.sq_off.array)[i] = i;
}

void CallBatch::start() {
  started_ = ring_ && ::syscall(SYS_io_uring_register, ring_.get(), IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0;
  if (!started_) close();
}

void CallBatch::close() {
  started_ = false;
  entries_ = Mapping();
  rings_ = Mapping();
  ring_.reset();
}

void CallBatch::add(uint8_t op, int fd, const void* at, uint32_t length, uint32_t flags) {
  io_uring_sqe& call = calls_[count_];
  call = {};
  call.opcode = op;
  call.fd = fd;
  call.addr = uint64_t(reinterpret_cast<uintptr_t>(at));
  call.len = length;
  call.msg_flags = flags;
  call.user_data = count_++;
}

void CallBatch::recv(int fd, void* into, size_t size) { add(IORING_OP_RECV, fd, into, uint32_t(size), receiveFlags); }
void CallBatch::send(int fd, const void* from, size_t size) { add(IORING_OP_SEND, fd, from, uint32_t(size), sendFlags); }
void CallBatch::sendmsg(int fd, const msghdr& message) { add(IORING_OP_SENDMSG, fd, &message, 1, sendFlags); }
void CallBatch::recvmsg(int fd, msghdr& message) { add(IORING_OP_RECVMSG, fd, &message, 1, receiveFlags); }

void CallBatch::runAlone(unsigned at) {
  const io_uring_sqe& call = calls_[at];
  void* const pointer = reinterpret_cast<void*>(uintptr_t(call.addr));
  switch (call.opcode) {
    case IORING_OP_RECV: results_[at] = int32_t(sys::recv(call.fd, pointer, call.len)); break;
    case IORING_OP_SEND: results_[at] = int32_t(sys::send(call.fd, pointer, call.len)); break;
    case IORING_OP_SENDMSG: results_[at] = int32_t(sys::sendmsg(call.fd, *static_cast<const msghdr*>(pointer))); break;
    default: results_[at] = int32_t(sys::recvmsg(call.fd, *static_cast<msghdr*>(pointer)));
  }
}

unsigned CallBatch::collect() {
  const unsigned first = *completed_, last = load(completing_);
  for (unsigned at = first; at != last; ++at) {
    const io_uring_cqe& completion = completions_[at & completionMask_];
    results_[size_t(completion.user_data)] = completion.res;
  }
  store(completed_, last);
  return last - first;
}

std::span<const int32_t> CallBatch::run() {
  const unsigned count = std::exchange(count_, 0);
  unsigned taken = 0;
  if (count > 1 && started_) {
    unsigned tail = *submitted_;
    for (unsigned i = 0; i < count; ++i) entries_.at<io_uring_sqe>(0)[tail++ & submissionMask_] = calls_[i];
    store(submitted_, tail);
    for (unsigned over = 0; over < count;) {
      const int entered = enter(ring_.get(), count - taken, count - over);
      if (entered > 0) taken += unsigned(entered);
      over += collect();
      // No memory for requests. What has been taken is over; the rest of this batch, and what comes, is made without a ring.
      if (entered <= 0 && over == taken) {
        close();
        break;
      }
    }
  }
  // ENOMEM may be about the ring's own memory for a call, whose socket has heard nothing then.
  for (unsigned i = 0; i < count; ++i) {
    if (i >= taken || results_[i] == -ENOMEM) runAlone(i);
  }
  return {results_.data(), count};
}

}  // namespace millrace
