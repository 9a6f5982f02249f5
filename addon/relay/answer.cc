#include "relay/answer.h"

#include <algorithm>
#include <optional>

#include "relay/ending.h"
#include "relay/partial.h"
#include "relay/pump.h"

namespace millrace {
namespace {

/// Answers leave together, as far as they fit.
struct Gathered {
  std::array<uint8_t, 16 * stunAnswerBytes> bytes;
  size_t used = 0;
};

void sendGathered(Context& c, Session& s, Gathered& gathered) {
  if (gathered.used == 0) return;
  c.bytesOf(s, toDownstream).produced += gathered.used;
  deliver(c, s, toDownstream, {gathered.bytes.data(), std::exchange(gathered.used, 0)});
}

/// False where there would be an answer and the peer's budget has none left.
bool answerOne(Context& c, Session& s, std::span<const uint8_t> message, Gathered& gathered) {
  StunSink& stun = *c.nodeOf(s).stun;
  if (gathered.used + stunAnswerBytes > gathered.bytes.size()) sendGathered(c, s, gathered);
  const size_t length = answerStun(stun.options(), message, s.downstream, std::span<uint8_t, stunAnswerBytes>(gathered.bytes.data() + gathered.used, stunAnswerBytes));
  if (length > 0 && !stun.affords(s.downstream, c.now())) return false;
  gathered.used += length;
  return true;
}

/// The bytes that the message at the beginning of `bytes` has, or only its header as long as that is not known; -1 where none begins.
int wantedOf(const Session& s, Context& c, std::span<const uint8_t> bytes) {
  const int length = stunMessageLength(bytes, c.nodeOf(s).stun->options().rfc3489);
  static_assert(stunMostBytes <= Partial::mostBytes);
  if (length < 0 || length > int(stunMostBytes)) return -1;
  return length == 0 ? int(stunHeaderBytes) : length;
}

}  // namespace

void answerStream(Context& c, Session& s, std::span<const uint8_t> bytes) {
  c.bytesOf(s, toUpstream).consumed += bytes.size();
  Gathered gathered;
  std::optional<Reason> ends;
  while (s.phase == Phase::relaying) {
    const std::span<const uint8_t> begun = s.partial ? s.partial->bytes() : bytes;
    const int wanted = wantedOf(s, c, begun);
    if (wanted < 0) {
      ends = Reason::malformed;
      break;
    }
    const bool whole = begun.size() >= stunHeaderBytes && begun.size() >= size_t(wanted);
    if (whole) {
      if (!answerOne(c, s, begun.first(size_t(wanted)), gathered)) {
        ends = Reason::limited;
        break;
      }
      if (s.partial) s.partial.reset();
      else bytes = bytes.subspan(size_t(wanted));
    } else if (bytes.empty()) {
      break;
    } else {
      if (!s.partial) s.partial = std::make_unique<Partial>();
      bytes = bytes.subspan(s.partial->add(bytes, size_t(wanted)));
    }
  }
  if (s.phase != Phase::relaying) return;
  sendGathered(c, s, gathered);
  if (!ends || s.phase != Phase::relaying) return;
  if (*ends == Reason::limited) resetSession(c, s, Reason::limited);
  else lingerSession(c, s, *ends);
}

}  // namespace millrace
