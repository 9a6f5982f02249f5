#include "relay/splicing.h"

#include <cassert>
#include <optional>
#include <utility>

#include "core/sys.h"
#include "relay/ending.h"
#include "relay/pair.h"

namespace millrace {
namespace {

/// Counts `pipes` more of the size of `pipe` and `bytes` more in them, both of which may be fewer.
void book(Context& c, Session& s, unsigned direction, const Pipe& pipe, int pipes, int64_t bytes) {
  c.bytesOf(s, direction).pending += uint64_t(bytes);
  for (PipeCounts* counts : {&c.countersOf(s).pipes, &c.pipesHeld}) {
    counts->inUse += uint64_t(pipes);
    counts->capacityBytes += uint64_t(pipes * int64_t(pipe.capacity()));
    counts->bytes += uint64_t(bytes);
  }
}

void hold(Context& c, Session& s, unsigned direction, Pipe* pipe) {
  s.pumps[direction].pipe = pipe;
  book(c, s, direction, *pipe, 1, int64_t(pipe->size()));
}

/// So many bytes have left the direction's pipe; an empty one is the pool's again.
void left(Context& c, Session& s, unsigned direction, size_t bytes) {
  Pipe*& pipe = s.pumps[direction].pipe;
  const bool done = pipe->size() == 0;
  book(c, s, direction, *pipe, done ? -1 : 0, -int64_t(bytes));
  if (done) c.pipes.give(std::exchange(pipe, nullptr));
}

/// What is in the pipe waits in blocks from now on, before what is there. False where that could not be and the session has ended over it.
bool toBlocks(Context& c, Session& s, unsigned direction) {
  Pump& pump = s.pumps[direction];
  ByteQueue later = std::exchange(pump.pending, {});
  ByteCounts& counts = c.bytesOf(s, direction);
  std::optional<Reason> ends;
  while (pump.pipe && !ends) {
    const auto bytes = pump.pipe->take(c.hot);
    if (bytes.empty()) {  // nobody may ever see what is still in there: the pipe is closed
      s.error = EIO;
      ends = Reason::ioError;
      break;
    }
    left(c, s, direction, bytes.size());
    const size_t kept = pump.pending.push(c.pool, bytes);
    counts.pending += kept;
    counts.dropped += bytes.size() - kept;
    if (kept < bytes.size()) ends = Reason::pendingLimit;
  }
  pump.pending.append(later);
  if (ends) resetSession(c, s, *ends);
  return !ends;
}

}  // namespace

Pipe* pipeFor(Context& c, Session& s, unsigned direction) {
  TransportChoice& choice = s.pumps[direction].transport;
  if (c.isRested(s)) choice.forget();
  return choice.splices(c.options.transport) ? c.pipes.take() : nullptr;
}

void deliverPipe(Context& c, Session& s, unsigned direction, Pipe* pipe) {
  Pump& pump = s.pumps[direction];
  assert(!pump.holds() && pipe->size() > 0);
  hold(c, s, direction, pipe);
  const Side& to = s.sides[1 - direction];
  if (pump.broken || !to.fd || to.fin) return dropPending(c, s, direction);
  if (!flushPipe(c, s, direction)) return;
  if (pump.pipe && !c.pipes.hasAnother()) toBlocks(c, s, direction);
}

bool flushPipe(Context& c, Session& s, unsigned direction) {
  Pump& pump = s.pumps[direction];
  const ssize_t put = pump.pipe->empty(s.sides[1 - direction].fd.get(), c.options.sigpipe);
  if (put > 0) {
    left(c, s, direction, size_t(put));
    c.bytesOf(s, direction).sent += size_t(put);
    pump.sent += size_t(put);
    s.progressMs = c.now();
    return true;
  }
  if (sys::wouldBlock(put)) return true;
  if (put == 0 || Pipe::refused(put)) {
    pump.transport.refuse();
    return toBlocks(c, s, direction);
  }
  s.error = int32_t(-put);
  destinationFailed(c, s, direction);
  return false;
}

void dropPipe(Context& c, Session& s, unsigned direction) {
  Pipe*& pipe = s.pumps[direction].pipe;
  if (!pipe) return;
  c.bytesOf(s, direction).dropped += pipe->size();
  book(c, s, direction, *pipe, -1, -int64_t(pipe->size()));
  c.pipes.give(std::exchange(pipe, nullptr));
}

}  // namespace millrace
