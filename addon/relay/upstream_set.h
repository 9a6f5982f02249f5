// UpstreamSet: the members that a forward chooses among, and what is known of them (internal). Part of a plan; one loop's thread only. Owns
// counts, ejections and the table of maglev, and knows no sockets and no sessions but by their numbers: relay/membership.h acts on those.
// A member has a slot, which stays as it is until the member is gone and its last session too.
// Invariants: whoever was let in by take() is counted until leave(); at most half of the members are ejected at once, and never the last that can be used;
// who is down, ejected or gone is never chosen.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/address.h"
#include "core/loop.h"
#include "core/slab.h"
#include "stage/balance.h"
#include "stage/maglev.h"

namespace millrace {

struct SetOptions {
  Balance balance = Balance::roundRobin;
  uint32_t ejectAfter = 0;  // failed connects in a row; 0: nobody is ejected
  uint64_t ejectMs = 0;     // doubles with every ejection, until a session is connected
  uint64_t ejectMostMs = 0;
  uint64_t slowStartMs = 0;
  uint32_t queueSessions = 0;
  uint64_t queueMs = 0;
  bool closeOnUnhealthy = false;
};

/// What `lib` says of a member.
struct MemberIs {
  uint32_t id = 0;  // what `lib` knows it by
  SocketAddress address;
  std::string key;  // what names it, no two the same, and places it for hashes
  uint32_t weight = 1;
  uint32_t tier = 0;         // the lowest that has a usable member is the one in use
  uint32_t maxSessions = 0;  // 0: any number
  bool down = false;
};

struct Member : MemberIs {
  bool present = false;  // else the slot is free, or waits for the last session of who had it
  bool ejected = false;
  uint32_t failures = 0;   // in a row
  uint32_t ejections = 0;  // since a session was connected
  uint64_t ejectedUntilMs = 0;
  uint64_t recoveredMs = 0;  // when it came back; 0: it was never away
  uint64_t sessions = 0;     // that were let in so far
  uint64_t failed = 0;       // connects so far

  bool usable() const { return present && !down && !ejected; }
};

class UpstreamSet {
 public:
  explicit UpstreamSet(SetOptions with) : options(with) {}

  const SetOptions options;

  /// No members have been told yet: a name without an address.
  bool unknown() const { return !known_; }
  /// The members from now on. Who stays keeps health, counts and sessions; who is new is up unless said otherwise.
  void assign(std::vector<MemberIs> members);
  /// The slot of a member, or none.
  uint32_t find(uint32_t id) const;
  /// What a check has found. Whether that is new.
  bool setDown(uint32_t slot, bool down, uint64_t nowMs);

  enum class Answer : uint8_t { taken, full, none };
  struct Choice {
    Answer answer;
    uint32_t slot;  // where it is taken
  };
  /// Chooses a member for a source, none of `tried`, and counts it. `full`: who could take it has no room.
  Choice take(const PeerAddress& source, uint64_t nowMs, const std::vector<uint32_t>& tried = {});
  /// Whether take() would find one.
  bool hasRoom(const std::vector<uint32_t>& tried) const;
  void leave(uint32_t slot);

  void succeeded(uint32_t slot) { members_[slot].failures = members_[slot].ejections = 0; }
  /// Whether the member is ejected by that.
  bool failed(uint32_t slot, uint64_t nowMs);
  /// The earliest end of an ejection; UINT64_MAX: nobody is ejected.
  uint64_t nextReturnMs() const;
  /// Members whose ejection is over, by its time or since it would leave too few by now, back in use.
  std::vector<uint32_t> readmit(uint64_t nowMs);

  const Member& member(uint32_t slot) const { return members_[slot]; }
  /// Its address; that of a Unix socket, which has no bytes for its path, has the id as a port.
  PeerAddress peerOf(uint32_t slot) const;
  uint32_t openSessions(uint32_t slot) const { return candidates_[slot].sessions; }
  size_t slots() const { return members_.size(); }
  /// How many could be tried.
  size_t usable() const;

  /// Of sessions on their way to a member, by their place in the slab: whom they have tried.
  std::unordered_map<uint32_t, std::vector<uint32_t>> tried;
  /// Sessions that wait for room, in order; some of them are over by now.
  std::deque<Token> queue;
  size_t queued = 0;     // of them, those that do wait
  bool lookDue = false;  // there may be room, or nobody left to wait for

  /// Rings when an ejection is over.
  struct ReturnTimer : LoopTimer {
    struct Context* context = nullptr;
    uint16_t plan = 0;
    uint32_t upstream = 0;
  } timer;

 private:
  /// A slow start would move sources at each of its steps.
  bool isHashed() const { return options.balance == Balance::sourceHash || options.balance == Balance::maglev; }
  uint64_t weightOf(const Member& member, uint64_t nowMs) const;
  /// Of the members that can be used, without some; false where there are none.
  bool lowestTier(const std::vector<uint32_t>& without, uint32_t& tier) const;
  /// The member is usable, of that tier, has room, and is none of `without`.
  bool mayTake(uint32_t slot, uint32_t tier, const std::vector<uint32_t>& without) const;
  uint32_t slotFor(const MemberIs& is);
  /// Whether so many more may be ejected than are.
  bool mayEject(size_t more) const;
  uint32_t choose(const PeerAddress& source, uint32_t tier);
  uint32_t chooseByTable(uint64_t source, uint32_t tier);

  bool known_ = false;
  std::vector<Member> members_;
  std::vector<Candidate> candidates_;  // the same slots
  Maglev table_;
  uint32_t tableTier_ = 0;
  bool tableDue_ = true;
  uint32_t turn_ = 0;
  Dice dice_{0x6d696c6c72616365};
};

}  // namespace millrace
