#include "relay/hops.h"

#include <algorithm>

#include "core/sys.h"
#include "relay/dial.h"
#include "relay/negotiation.h"
#include "stage/http_connect.h"

namespace millrace {
namespace {

constexpr size_t longestAnswer = 16 * 1024;  // of HTTP, with its fields and with those that go before it

enum SocksStep : uint8_t { method, login, reply };

const Hop& hopOf(Context& c, const Session& s) { return c.nodeOf(s).forward.hops[s.head->talk->hop]; }

const Destination& destinationOf(Context& c, const Session& s) {
  const Hop& hop = hopOf(c, s);
  return hop.destination ? *hop.destination : *s.head->asked->destination;
}

void fail(Context& c, Session& s, Reason reason, int error) {
  s.error = error;
  turnAway(c, s, reason);
}

/// What is sent at this step of this hop; false where the session is ending.
bool speak(Context& c, Session& s) {
  const Hop& hop = hopOf(c, s);
  const Talk& talk = *s.head->talk;
  bool sent = false;
  if (hop.dialect == Dialect::httpConnect) {
    const std::string request = writeHttpConnect(destinationOf(c, s), hop.login.basic);
    sent = sayFirst(c, s, {reinterpret_cast<const uint8_t*>(request.data()), request.size()});
  } else {
    SocksBuffer buffer;
    switch (talk.step) {
      case method: sent = sayFirst(c, s, writeSocksGreeting(!hop.login.name.empty(), buffer)); break;
      case login: sent = sayFirst(c, s, writeSocksLogin(hop.login.name, hop.login.password, buffer)); break;
      default: sent = sayFirst(c, s, writeSocksRequest(socks::connect, destinationOf(c, s), buffer));
    }
  }
  sendAtOnce(s.sides[1]);
  if (!sent) fail(c, s, Reason::proxyFailed, s.error);
  return sent;
}

enum class Heard : uint8_t { more, next, failed };

struct Answer {
  Heard heard;
  size_t bytes = 0;
  uint8_t step = 0;  // the next one of this hop
  bool hopDone = false;
};

Answer refused(Context& c, Session& s, Reason reason, int error) {
  fail(c, s, reason, error);
  return {Heard::failed};
}

Answer malformed(Context& c, Session& s) { return refused(c, s, Reason::proxyFailed, EPROTO); }

/// What became of the request, as the proxy says it.
Answer socksRefusal(Context& c, Session& s, uint8_t code) {
  switch (code) {
    case socks::networkUnreachable: return refused(c, s, Reason::connectUnreachable, ENETUNREACH);
    case socks::hostUnreachable: return refused(c, s, Reason::connectUnreachable, EHOSTUNREACH);
    case socks::refused: return refused(c, s, Reason::connectRefused, ECONNREFUSED);
    case socks::timedOut: return refused(c, s, Reason::connectTimeout, ETIMEDOUT);
    default: return refused(c, s, Reason::proxyFailed, EACCES);
  }
}

Answer hearSocks(Context& c, Session& s, std::span<const uint8_t> from) {
  const Hop& hop = hopOf(c, s);
  const uint8_t step = s.head->talk->step;
  if (step == reply) {
    const SocksCall answer = readSocksCall(from);
    // Some say no more than the code when they refuse.
    if (from.size() >= 2 && from[0] == 5 && from[1] != socks::succeeded) return socksRefusal(c, s, from[1]);
    if (answer.state == SocksState::more) return {Heard::more};
    return answer.state == SocksState::whole ? Answer{Heard::next, answer.bytes, 0, true} : malformed(c, s);
  }
  const SocksChoice answer = step == method ? readSocksMethod(from) : readSocksLoginAnswer(from);
  if (answer.state == SocksState::more) return {Heard::more};
  if (answer.state == SocksState::malformed) return malformed(c, s);
  if (step == login) return answer.value == 0 ? Answer{Heard::next, 2, reply} : refused(c, s, Reason::proxyFailed, EACCES);
  if (answer.value == socks::noLogin) return {Heard::next, 2, reply};
  if (answer.value == socks::login && !hop.login.name.empty()) return {Heard::next, 2, login};
  return refused(c, s, Reason::proxyFailed, EACCES);
}

Answer hearHttp(Context& c, Session& s, std::span<const uint8_t> from) {
  const HttpAnswer answer = readHttpAnswer(from);
  if (answer.state == HttpAnswer::State::malformed) return malformed(c, s);
  if (s.head->talk->heard + from.size() >= longestAnswer && answer.state == HttpAnswer::State::more) return malformed(c, s);
  if (answer.state == HttpAnswer::State::more) return {Heard::more};
  if (answer.status >= 200 && answer.status < 300) return {Heard::next, answer.bytes, 0, true};
  if (answer.status < 200 && answer.status != 101) return {Heard::next, answer.bytes, 0, false};  // there is more to come
  if (answer.status == 504) return refused(c, s, Reason::connectTimeout, ETIMEDOUT);
  return refused(c, s, Reason::proxyFailed, answer.status == 407 || answer.status == 403 ? EACCES : ECONNREFUSED);
}

/// Takes out of the socket what has been looked at; false where that fails.
bool take(Context& c, Session& s, std::span<uint8_t> bytes) {
  if (bytes.empty()) return true;
  const ssize_t got = sys::recv(s.sides[1].fd.get(), bytes.data(), bytes.size());
  if (got > 0) {
    ByteCounts& counts = c.bytesOf(s, toDownstream);
    counts.received += uint64_t(got);
    counts.consumed += uint64_t(got);
  }
  if (got == ssize_t(bytes.size())) return true;
  fail(c, s, Reason::proxyFailed, got < 0 ? int(-got) : EPROTO);
  return false;
}

/// The end of a hop, or of its step: the next thing to be said, or bytes may flow.
bool next(Context& c, Session& s, const Answer& answer) {
  Talk& talk = *s.head->talk;
  talk.answer.clear();
  const bool interim = !answer.hopDone && hopOf(c, s).dialect == Dialect::httpConnect;
  talk.step = answer.step;
  talk.heard = answer.hopDone ? 0 : talk.heard + answer.bytes;
  if (interim && talk.heard >= longestAnswer) fail(c, s, Reason::proxyFailed, EPROTO);
  if (interim) return false;  // the rest is for another event: whoever sends many does not keep the loop
  if (answer.hopDone && ++talk.hop == c.nodeOf(s).forward.hops.size()) {
    s.head->talk.reset();
    s.phase = Phase::connecting;
    upstreamReady(c, s);
    return false;
  }
  return speak(c, s);
}

}  // namespace

void beginHops(Context& c, Session& s) {
  if (!s.head) s.head.reset(new (std::nothrow) Head);
  if (s.head) s.head->talk.reset(new (std::nothrow) Talk);
  if (!s.head || !s.head->talk) return turnAway(c, s, Reason::pendingLimit);
  s.phase = Phase::negotiating;
  s.wakeMs = UINT64_MAX;
  speak(c, s);
}

void hopReady(Context& c, Session& s) {
  while (s.phase == Phase::negotiating) {
    std::vector<uint8_t>& known = s.head->talk->answer;
    const auto room = std::span(c.hot).first(longestAnswer);
    std::copy(known.begin(), known.end(), room.begin());
    const ssize_t got = sys::peek(s.sides[1].fd.get(), &room[known.size()], room.size() - known.size());
    if (sys::wouldBlock(got)) return;
    if (got <= 0) return fail(c, s, Reason::proxyFailed, got < 0 ? int(-got) : ECONNRESET);
    const auto all = room.first(known.size() + size_t(got));
    const Answer answer = hopOf(c, s).dialect == Dialect::socks5 ? hearSocks(c, s, all) : hearHttp(c, s, all);
    if (answer.heard == Heard::failed) return;
    const size_t taken = answer.heard == Heard::more ? all.size() : answer.bytes;
    if (!take(c, s, all.subspan(known.size(), taken - known.size()))) return;
    if (answer.heard == Heard::next) {
      if (!next(c, s, answer)) return;
    } else {
      known.assign(all.begin(), all.end());
    }
  }
}

}  // namespace millrace
