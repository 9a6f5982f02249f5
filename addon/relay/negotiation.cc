#include "relay/negotiation.h"

#include "core/sys.h"
#include "relay/ending.h"
#include "relay/head_phase.h"
#include "relay/pump.h"
#include "stage/http_connect.h"

namespace millrace {
namespace {

using Step = Asked::Step;

void say(Context& c, Session& s, std::span<const uint8_t> bytes) {
  c.bytesOf(s, toDownstream).produced += bytes.size();
  deliver(c, s, toDownstream, bytes);
}

void say(Context& c, Session& s, std::string_view text) { say(c, s, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

/// An answer in the middle of the handshake; false where there is nobody to go on with.
bool answer(Context& c, Session& s, std::span<const uint8_t> bytes) {
  say(c, s, bytes);
  if (s.phase != Phase::closed && s.sides[0].dead) endSession(c, s, Reason::resetByDownstream);
  return s.phase != Phase::closed;
}

/// RFC 1928 section 6.
uint8_t socksCodeOf(Reason reason, int error) {
  switch (reason) {
    case Reason::denied: return socks::notAllowed;
    case Reason::connectRefused: return socks::refused;
    case Reason::connectTimeout: return socks::timedOut;
    case Reason::connectUnreachable: return error == ENETUNREACH || error == ENETDOWN ? socks::networkUnreachable : socks::hostUnreachable;
    case Reason::nameUnresolved: return socks::hostUnreachable;
    default: return socks::failed;
  }
}

unsigned httpStatusOf(Reason reason) {
  switch (reason) {
    case Reason::malformed: return 400;
    case Reason::denied: return 403;
    case Reason::loginFailed: return 407;
    case Reason::connectTimeout: return 504;
    case Reason::connectRefused: case Reason::connectUnreachable: case Reason::connectFailed: case Reason::nameUnresolved: case Reason::proxyFailed: return 502;
    default: return 503;
  }
}

/// The last word, and the end.
bool refuse(Context& c, Session& s, Reason reason, std::span<const uint8_t> word) {
  say(c, s, word);
  lingerSession(c, s, reason);
  return false;
}

bool refuse(Context& c, Session& s, Reason reason, std::string_view word) {
  say(c, s, word);
  lingerSession(c, s, reason);
  return false;
}

bool refuse(Context& c, Session& s, Reason reason, uint8_t socksCode) {
  SocksBuffer buffer;
  return refuse(c, s, reason, writeSocksReply(socksCode, {}, buffer));
}

/// It is no client of ours: there is nothing that it would understand.
bool dismiss(Context& c, Session& s) {
  resetSession(c, s, Reason::malformed);
  return false;
}

bool goOn(Session& s, const Node& node) {
  leaveHeadNode(s, node.next[s.head->asked->user]);
  return true;
}

bool greet(Context& c, Session& s, const Node& node) {
  const SocksGreeting greeting = readSocksGreeting(s.head->bytes());
  if (greeting.state == SocksState::more) return mayWait(c, s, node.head), false;
  if (greeting.state == SocksState::malformed) return dismiss(c, s);
  consumeHead(c, s, greeting.bytes);
  SocksBuffer buffer;
  const bool open = node.negotiation->users.empty();
  if (!(open ? greeting.noLogin : greeting.login)) return refuse(c, s, Reason::loginFailed, writeSocksMethod(socks::noMethod, buffer));
  if (!answer(c, s, writeSocksMethod(open ? socks::noLogin : socks::login, buffer))) return false;
  s.head->asked->step = open ? Step::request : Step::login;
  return true;
}

bool logIn(Context& c, Session& s, const Node& node) {
  const SocksLogin login = readSocksLogin(s.head->bytes());
  if (login.state == SocksState::more) return mayWait(c, s, node.head), false;
  const auto& users = node.negotiation->users;
  const size_t user = login.state == SocksState::whole ? findLogin(users, login.name, login.password) : users.size();
  SocksBuffer buffer;
  if (user == users.size()) return refuse(c, s, Reason::loginFailed, writeSocksLoginAnswer(false, buffer));
  consumeHead(c, s, login.bytes);
  if (!answer(c, s, writeSocksLoginAnswer(true, buffer))) return false;
  s.head->asked->user = uint32_t(user);
  s.head->asked->step = Step::request;
  return true;
}

bool readRequest(Context& c, Session& s, const Node& node) {
  const SocksCall request = readSocksCall(s.head->bytes());
  if (request.state == SocksState::more) return mayWait(c, s, node.head), false;
  if (request.state == SocksState::malformed) return refuse(c, s, Reason::malformed, request.at.unknownType ? socks::noAddressType : socks::failed);
  Asked& asked = *s.head->asked;
  asked.command = request.code;
  asked.from = request.at.address;
  asked.destination = request.at.destination();
  if (request.code != socks::connect && request.code != socks::associate) return refuseCommand(c, s), false;
  if (request.code == socks::connect && !asked.destination) return refuse(c, s, Reason::malformed, socks::hostUnreachable);
  consumeHead(c, s, request.bytes);
  return goOn(s, node);
}

bool negotiateSocks(Context& c, Session& s, const Node& node) {
  const Asked& asked = *s.head->asked;
  if (asked.step == Step::greeting && !greet(c, s, node)) return false;
  if (asked.step == Step::login && !logIn(c, s, node)) return false;
  return readRequest(c, s, node);
}

bool negotiateHttp(Context& c, Session& s, const Node& node) {
  const HttpConnect request = readHttpConnect(s.head->bytes());
  switch (request.state) {
    case HttpConnect::State::more:
      if (!s.head->ended && s.head->size() >= node.head.maxBytes) return refuse(c, s, Reason::headTooLarge, httpAnswerOf(431));
      mayWait(c, s, node.head);
      return false;
    case HttpConnect::State::notHttp: return dismiss(c, s);
    case HttpConnect::State::malformed: return refuse(c, s, Reason::malformed, httpAnswerOf(400));
    case HttpConnect::State::otherMethod: return refuse(c, s, Reason::denied, httpAnswerOf(405));
    case HttpConnect::State::whole: break;
  }
  Asked& asked = *s.head->asked;
  if (const auto& users = node.negotiation->users; !users.empty()) {
    const size_t user = findLogin(users, request.credentials);
    if (user == users.size()) return refuse(c, s, Reason::loginFailed, httpAnswerOf(407));
    asked.user = uint32_t(user);
  }
  asked.destination = request.destination;
  consumeHead(c, s, request.bytes);
  return goOn(s, node);
}

}  // namespace

bool negotiate(Context& c, Session& s, const Node& node) {
  if (!enterHeadNode(c, s, node.head)) return false;
  if (!s.head->asked) s.head->asked.reset(new (std::nothrow) Asked{node.negotiation->dialect});
  if (!s.head->asked) return resetSession(c, s, Reason::pendingLimit), false;
  return node.negotiation->dialect == Dialect::socks5 ? negotiateSocks(c, s, node) : negotiateHttp(c, s, node);
}

void tellOn(Context& c, Session& s) {
  flushPending(c, s, toDownstream);
  if (s.phase == Phase::head && s.sides[0].dead) endSession(c, s, Reason::resetByDownstream);
}

void tellConnected(Context& c, Session& s, int fd) {
  if (s.head->asked->dialect == Dialect::httpConnect) return say(c, s, httpAnswerOf(200));
  SocksBuffer buffer;
  say(c, s, writeSocksReply(socks::succeeded, SocketAddress::boundTo(fd).peer(), buffer));
}

void refuseCommand(Context& c, Session& s) { refuse(c, s, Reason::denied, socks::noCommand); }

void turnAway(Context& c, Session& s, Reason reason) {
  if (!s.head || !s.head->asked) return resetSession(c, s, reason);
  if (s.head->asked->dialect == Dialect::httpConnect) refuse(c, s, reason, httpAnswerOf(httpStatusOf(reason)));
  else refuse(c, s, reason, socksCodeOf(reason, s.error));
}

}  // namespace millrace
