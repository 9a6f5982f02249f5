// The matcher `stunBinding`: whether the head begins with a STUN Binding request that anybody may answer, and that `stun` would (lookAtStun). What would
// be met with silence is somebody else's: one whose FINGERPRINT is wrong may be of another protocol (RFC 8489 section 7). A datagram has to be one
// request and nothing else. `no` as soon as that is sure, so what is not STUN does not wait. Owns nothing.
#pragma once

#include "stage/matcher.h"
#include "stage/stun.h"

namespace millrace {

class StunBindingMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    switch (lookAtStun(input.head)) {
      case StunLook::other: return Match::no;
      case StunLook::cut: return input.final ? Match::no : Match::more;
      case StunLook::openRequest: break;
    }
    return input.datagram && stunMessageLength(input.head, false) != int(input.head.size()) ? Match::no : Match::yes;
  }
};

}  // namespace millrace
