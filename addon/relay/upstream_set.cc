#include "relay/upstream_set.h"

#include <algorithm>
#include <utility>

#include "stage/text_hash.h"

namespace millrace {
namespace {

constexpr uint64_t weightUnit = 256;    // of a weight of 1, so that a slow start has steps
constexpr uint64_t sourceSeed = 0;      // the same everywhere
constexpr uint32_t mostDoublings = 20;  // of the time of an ejection; the cap comes earlier

bool isIn(const std::vector<uint32_t>& list, uint32_t slot) { return std::find(list.begin(), list.end(), slot) != list.end(); }

}  // namespace

void UpstreamSet::assign(std::vector<MemberIs> members) {
  known_ = known_ || !members.empty();
  lookDue = true;
  const auto before = size_t(std::count_if(members_.begin(), members_.end(), [](const Member& member) { return member.present; }));
  bool same = members.size() == before;
  std::vector<bool> stays(members_.size());
  for (MemberIs& is : members) {
    const uint32_t slot = slotFor(is);
    stays.resize(members_.size());
    stays[slot] = true;
    Member& member = members_[slot];
    same = same && member.present && member.weight == is.weight && member.tier == is.tier && member.down == is.down;
    static_cast<MemberIs&>(member) = std::move(is);
    member.present = true;
  }
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    members_[slot].present = stays[slot];
    if (!stays[slot] && candidates_[slot].sessions == 0) members_[slot] = Member();
  }
  if (!same) tableDue_ = true;  // to build it anew takes a millisecond, and names tell the same again and again
}

uint32_t UpstreamSet::slotFor(const MemberIs& is) {
  const uint64_t key = hashText(is.key, 0);
  uint32_t unused = uint32_t(members_.size());  // without a key: nobody is there, and no session counts in it
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    if (candidates_[slot].key == key && members_[slot].key == is.key) return slot;
    if (members_[slot].key.empty()) unused = std::min(unused, slot);
  }
  if (unused == members_.size()) {
    members_.emplace_back();
    candidates_.emplace_back();
  }
  candidates_[unused] = Candidate{.key = key};
  for (auto& [session, slots] : tried) std::erase(slots, unused);  // that was who had the slot before
  return unused;
}

uint32_t UpstreamSet::find(uint32_t id) const {
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    if (members_[slot].present && members_[slot].id == id) return slot;
  }
  return Candidate::none;
}

bool UpstreamSet::setDown(uint32_t slot, bool down, uint64_t nowMs) {
  Member& member = members_[slot];
  if (member.down == down) return false;
  member.down = down;
  // A check knows more than failures in a row.
  member.ejected = false;
  member.failures = member.ejections = 0;
  if (!down) member.recoveredMs = nowMs;
  tableDue_ = lookDue = true;
  return true;
}

uint64_t UpstreamSet::weightOf(const Member& member, uint64_t nowMs) const {
  const uint64_t whole = member.weight * weightUnit;
  if (member.recoveredMs == 0 || nowMs >= member.recoveredMs + options.slowStartMs) return whole;
  return std::max<uint64_t>(whole * (nowMs - std::min(nowMs, member.recoveredMs)) / options.slowStartMs, 1);
}

bool UpstreamSet::lowestTier(const std::vector<uint32_t>& without, uint32_t& tier) const {
  bool any = false;
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    const Member& member = members_[slot];
    if (!member.usable() || (any && member.tier >= tier) || isIn(without, slot)) continue;
    any = true;
    tier = member.tier;
  }
  return any;
}

bool UpstreamSet::mayTake(uint32_t slot, uint32_t tier, const std::vector<uint32_t>& without) const {
  const Member& member = members_[slot];
  if (!member.usable() || member.tier != tier || isIn(without, slot)) return false;
  return member.maxSessions == 0 || candidates_[slot].sessions < member.maxSessions;
}

bool UpstreamSet::hasRoom(const std::vector<uint32_t>& without) const {
  uint32_t tier = 0;
  if (!lowestTier(without, tier)) return false;
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    if (mayTake(slot, tier, without)) return true;
  }
  return false;
}

UpstreamSet::Choice UpstreamSet::take(const PeerAddress& source, uint64_t nowMs, const std::vector<uint32_t>& without) {
  uint32_t tier = 0;
  if (!lowestTier(without, tier)) return {Answer::none, Candidate::none};
  bool room = false;
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    const Member& member = members_[slot];
    const bool may = mayTake(slot, tier, without);
    candidates_[slot].weight = !may ? 0 : isHashed() ? member.weight : weightOf(member, nowMs);
    room = room || may;
  }
  if (!room) return {Answer::full, Candidate::none};
  const uint32_t slot = choose(source, tier);
  ++candidates_[slot].sessions;
  ++members_[slot].sessions;
  return {Answer::taken, slot};
}

uint32_t UpstreamSet::choose(const PeerAddress& source, uint32_t tier) {
  switch (options.balance) {
    case Balance::roundRobin: return pickRoundRobin(candidates_);
    case Balance::leastSessions: return pickLeastSessions(candidates_, ++turn_);
    case Balance::random2: return pickRandom2(candidates_, dice_);
    case Balance::sourceHash: return pickSourceHash(candidates_, source.hashWithoutPort(sourceSeed));
    case Balance::maglev: return chooseByTable(source.hashWithoutPort(sourceSeed), tier);
  }
  return Candidate::none;
}

uint32_t UpstreamSet::chooseByTable(uint64_t source, uint32_t tier) {
  if (std::exchange(tableDue_, false)) {
    lowestTier({}, tableTier_);
    std::vector<Maglev::Member> entries;
    for (uint32_t slot = 0; slot < members_.size(); ++slot) {
      const Member& member = members_[slot];
      if (member.usable() && member.tier == tableTier_) entries.push_back({candidates_[slot].key, member.weight, slot});
    }
    table_.build(entries);
  }
  // All of the first tier have been tried, and the next has no table as long as that is there.
  if (tier != tableTier_) return pickSourceHash(candidates_, source);
  // Who is full, or was tried, is passed over for who has the next place.
  for (uint64_t place = source % Maglev::places, end = place + Maglev::places; place < end; ++place) {
    if (candidates_[table_.at(place)].weight > 0) return table_.at(place);
  }
  return pickSourceHash(candidates_, source);  // one with too little weight for a place
}

void UpstreamSet::leave(uint32_t slot) {
  lookDue = true;
  if (--candidates_[slot].sessions == 0 && !members_[slot].present) members_[slot] = Member();
}

bool UpstreamSet::mayEject(size_t more) const {
  size_t present = 0, ejected = more;
  for (const Member& member : members_) {
    present += member.present;
    ejected += member.present && member.ejected;
  }
  return ejected * 2 <= present && usable() > more;
}

bool UpstreamSet::failed(uint32_t slot, uint64_t nowMs) {
  Member& member = members_[slot];
  ++member.failed;
  ++member.failures;
  if (options.ejectAfter == 0 || member.failures < options.ejectAfter || !member.usable() || !mayEject(1)) return false;
  member.ejected = true;
  const uint64_t doubled = options.ejectMs << std::min(member.ejections++, mostDoublings);
  member.ejectedUntilMs = nowMs + std::min(doubled, options.ejectMostMs);
  tableDue_ = lookDue = true;
  return true;
}

uint64_t UpstreamSet::nextReturnMs() const {
  uint64_t next = UINT64_MAX;
  for (const Member& member : members_) {
    if (member.ejected) next = std::min(next, member.ejectedUntilMs);
  }
  return next;
}

std::vector<uint32_t> UpstreamSet::readmit(uint64_t nowMs) {
  const bool tooMany = !mayEject(0);
  std::vector<uint32_t> back;
  for (uint32_t slot = 0; slot < members_.size(); ++slot) {
    Member& member = members_[slot];
    if (!member.ejected || (member.ejectedUntilMs > nowMs && !(tooMany && member.present))) continue;
    member.ejected = false;  // of who is gone too: it may come back
    if (!member.present) continue;
    member.recoveredMs = nowMs;
    back.push_back(slot);
  }
  if (!back.empty()) tableDue_ = lookDue = true;
  return back;
}

PeerAddress UpstreamSet::peerOf(uint32_t slot) const {
  const Member& member = members_[slot];
  PeerAddress peer = member.address.peer();
  if (member.address.isUnix()) peer.port[0] = uint8_t(member.id >> 8), peer.port[1] = uint8_t(member.id);
  return peer;
}

size_t UpstreamSet::usable() const {
  return size_t(std::count_if(members_.begin(), members_.end(), [](const Member& member) { return member.usable(); }));
}

}  // namespace millrace
