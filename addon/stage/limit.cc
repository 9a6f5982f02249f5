#include "stage/limit.h"

#include <cassert>
#include <utility>

#include "core/secret.h"

namespace millrace {
namespace {

constexpr size_t kSmallestTable = 64;

}  // namespace

LimitStage::LimitStage(uint64_t maxSessions, uint64_t maxSessionsPerAddress, uint64_t newSessionsPerSecond)
    : maxSessions_(maxSessions),
      maxSessionsPerAddress_(maxSessionsPerAddress),
      newSessionsPerSecond_(newSessionsPerSecond),
      seed_(randomSeed(this)) {}

LimitStage::Admission LimitStage::admit(const PeerAddress& peer, uint64_t nowMs) {
  const std::lock_guard lock(mutex_);
  if (!rateStarted_) {
    rateStarted_ = true;
    rate_.configure(newSessionsPerSecond_, newSessionsPerSecond_, nowMs);
  }
  if (maxSessions_ != 0 && sessions_ >= maxSessions_) return Admission::refused;
  size_t place = 0;
  if (countsAddress(peer)) {
    if (addresses_ * 2 >= table_.size()) grow();
    place = find(peer);
    if (table_[place].count >= maxSessionsPerAddress_) return Admission::refused;
  }
  if (rate_.available(nowMs) == 0) return Admission::refused;

  rate_.take(1);
  ++sessions_;
  if (countsAddress(peer)) {
    Entry& entry = table_[place];
    if (entry.count++ == 0) {
      entry.peer = peer;
      ++addresses_;
    }
  }
  return Admission::admitted;
}

void LimitStage::release(const PeerAddress& peer) {
  const std::lock_guard lock(mutex_);
  assert(sessions_ > 0);
  --sessions_;
  if (!countsAddress(peer)) return;
  const size_t place = find(peer);
  assert(table_[place].count > 0);
  if (--table_[place].count == 0) erase(place);
}

bool LimitStage::countsAddress(const PeerAddress& peer) const {
  return maxSessionsPerAddress_ != 0 && (peer.family == 4 || peer.family == 6);
}

size_t LimitStage::home(const PeerAddress& peer) const { return peer.hashWithoutPort(seed_) & (table_.size() - 1); }

// The entry of the address, or the free place where it belongs.
size_t LimitStage::find(const PeerAddress& peer) const {
  size_t place = home(peer);
  while (table_[place].count != 0 && !table_[place].peer.sameAddress(peer)) place = (place + 1) & (table_.size() - 1);
  return place;
}

void LimitStage::grow() {
  std::vector<Entry> old = std::exchange(table_, std::vector<Entry>(table_.empty() ? kSmallestTable : table_.size() * 2));
  for (const Entry& entry : old) {
    if (entry.count != 0) table_[find(entry.peer)] = entry;
  }
}

// Moves later entries of the run back, so that no search meets a gap before what it looks for.
void LimitStage::erase(size_t place) {
  const size_t mask = table_.size() - 1;
  for (size_t next = (place + 1) & mask; table_[next].count != 0; next = (next + 1) & mask) {
    const size_t distance = (next - home(table_[next].peer)) & mask;
    if (distance >= ((next - place) & mask)) {
      table_[place] = table_[next];
      place = next;
    }
  }
  table_[place] = Entry{};
  --addresses_;
}

}  // namespace millrace
