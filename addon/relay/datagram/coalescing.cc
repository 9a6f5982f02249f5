#include "relay/datagram/coalescing.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr uint64_t tolerance = 16;      // the part that may stay away
constexpr size_t chargedBytes = 2'304;  // what the kernel charges for a datagram of up to 1,500 bytes: its memory and its struct sk_buff
constexpr size_t chargedTimes = 2;      // and for each byte of larger ones
constexpr size_t partOfBuffer = 2;

}  // namespace

uint32_t Coalescing::afterTurn(const Taken& turn, bool readAll, uint64_t nowUs) {
  const bool busy = turn.messages >= fewest;
  datagrams_ += turn.datagrams;
  if (nowUs >= untilUs_) {
    if (epochsLeft_ > 0) endEpoch(nowUs);
    else if (busy) beginTrial(nowUs);
  }
  if (!pausing_ || !readAll || !hasRoom(turn)) return 0;
  if (pausesLeft_ > 0) --pausesLeft_;
  else if (!busy) return 0;
  return pauseUs;
}

void Coalescing::stop() {
  pausing_ = false;
  epochsLeft_ = 0;
  untilUs_ = holdUs_ = 0;
}

/// About as much as this turn has taken may come in the pause, and a few times as much must not fill a buffer.
bool Coalescing::hasRoom(const Taken& turn) const {
  return std::max(turn.datagrams * chargedBytes, turn.bytes * chargedTimes) * partOfBuffer <= bufferBytes_;
}

void Coalescing::beginTrial(uint64_t nowUs) {
  with_ = without_ = {};
  epochsLeft_ = epochs;
  beginEpoch(false, nowUs);
}

void Coalescing::beginEpoch(bool pausing, uint64_t nowUs) {
  pausing_ = pausing;
  pausesLeft_ = pausing ? pausesAtFirst : 0;
  beganUs_ = nowUs;
  untilUs_ = nowUs + epochUs;
  datagrams_ = 0;
}

void Coalescing::endEpoch(uint64_t nowUs) {
  // Nobody came for a while, or the thread had no CPU: that says nothing about pauses.
  if (nowUs >= untilUs_ + epochUs) return beginEpoch(pausing_, nowUs);
  Intake& intake = pausing_ ? with_ : without_;
  intake.datagrams += datagrams_;
  intake.us += nowUs - beganUs_;
  if (--epochsLeft_ == 0) decide(nowUs);
  else beginEpoch(!pausing_, nowUs);
}

void Coalescing::decide(uint64_t nowUs) {
  const bool pays = with_.datagrams * without_.us >= without_.datagrams * with_.us / tolerance * (tolerance - 1);
  holdUs_ = pays == pays_ && holdUs_ > 0 ? std::min(2 * holdUs_, longestHoldUs) : firstHoldUs;
  pausing_ = pays_ = pays;
  pausesLeft_ = 0;
  untilUs_ = nowUs + holdUs_;
}

}  // namespace millrace
