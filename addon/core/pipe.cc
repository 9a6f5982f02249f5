#include "core/pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "core/sys.h"

namespace millrace {
namespace {

/// splice(2) has no MSG_NOSIGNAL: while this lives, a SIGPIPE of the calling thread waits, and take() makes it never have been.
class HeldSigpipe {
 public:
  HeldSigpipe() {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~HeldSigpipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSigpipe(const HeldSigpipe&) = delete;
  HeldSigpipe& operator=(const HeldSigpipe&) = delete;

  void take() {
    const timespec atOnce{};
    ::sigtimedwait(&sigpipe_, nullptr, &atOnce);
  }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

}  // namespace

void Pipe::open(size_t bytes) {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return;
  out_ = Fd(ends[0]);
  in_ = Fd(ends[1]);
  ::fcntl(in_.get(), F_SETPIPE_SZ, int(bytes));  // what became of it is asked next
  const int got = ::fcntl(in_.get(), F_GETPIPE_SZ);
  capacity_ = got > 0 ? uint32_t(got) : 0;
}

ssize_t Pipe::fill(int socket, size_t limit) {
  const ssize_t got = sys::retry([&] { return ::splice(socket, nullptr, in_.get(), nullptr, limit, SPLICE_F_NONBLOCK); });
  if (got > 0) size_ += uint32_t(got);
  return got;
}

ssize_t Pipe::empty(int socket, Sigpipe sigpipe) {
  const auto splice = [&] { return sys::retry([&] { return ::splice(out_.get(), nullptr, socket, nullptr, size_, SPLICE_F_NONBLOCK); }); };
  ssize_t put;
  if (sigpipe == Sigpipe::blocked) {
    put = splice();
  } else {
    HeldSigpipe held;
    put = splice();
    if (put != ssize_t(size_)) held.take();  // it may have sent a part first
  }
  if (put > 0) size_ -= uint32_t(put);
  return put;
}

std::span<uint8_t> Pipe::take(std::span<uint8_t> into) {
  into = into.first(std::min<size_t>(into.size(), size_));
  size_t taken = 0;
  while (taken < into.size()) {
    const ssize_t got = sys::retry([&] { return ::read(out_.get(), into.data() + taken, into.size() - taken); });
    if (got <= 0) break;
    taken += size_t(got);
  }
  size_ -= uint32_t(taken);
  return into.first(taken);
}

size_t Pipe::measured() const {
  int bytes = 0;
  return ::ioctl(out_.get(), FIONREAD, &bytes) == 0 ? size_t(bytes) : 0;
}

}  // namespace millrace
