// A matcher: a pure predicate over the peer's address and the head of a stream, in the three-valued logic of Kleene.
// A tree owns its children; it is built at set-up and read-only afterwards, so any thread may ask it, each with an input of its own; but for the files of Networks, which its loop's thread may replace.
// Invariant: an answer other than `more` does not change when bytes are added to the head, and is given as soon as the bytes
// there decide it. With `final` no leaf answers `more`: what has not matched by then is `no`, and its negation `yes`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/peer_address.h"
#include "stage/client_hello.h"
#include "stage/http_head.h"

namespace millrace {

enum class Match : uint8_t { no, yes, more };

struct MatchInput {
  const PeerAddress& peer;
  std::span<const uint8_t> head;
  bool final;  // no more bytes will come
  bool datagram = false;  // the head is one whole datagram
  mutable ClientHelloMemo hello = {};  // of `head`; one MatchInput is asked on one thread
  mutable HttpMemo http = {};

  /// The answer of who would need more bytes.
  Match cut() const { return final ? Match::no : Match::more; }
};

class Matcher {
 public:
  virtual ~Matcher() = default;
  virtual Match match(const MatchInput& input) const = 0;
  /// Whether the answer may depend on more than the peer.
  virtual bool readsHead() const { return true; }
  /// Whether it knows only what a flow of datagrams begins with: the rest of the flow has to go the same way.
  virtual bool beginsFlow() const { return false; }
  /// After how many milliseconds without a byte it is `yes` for that alone; 0: never.
  virtual uint32_t silentMs() const { return 0; }

 protected:
  Matcher() = default;
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
};

using MatcherPtr = std::unique_ptr<const Matcher>;

/// The shortest silence that makes one of them `yes`; 0: none does.
inline uint32_t leastSilentMs(std::span<const MatcherPtr> matchers) {
  uint32_t least = 0;
  for (const MatcherPtr& matcher : matchers) {
    const uint32_t one = matcher->silentMs();
    if (one > 0 && (least == 0 || one < least)) least = one;
  }
  return least;
}

}  // namespace millrace
