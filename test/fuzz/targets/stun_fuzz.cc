// What STUN messages are answered with, and how they look from their beginning.
#include <string>

#include "checksum.h"
#include "properties.h"
#include "stage/stun.h"
#include "stage/stun_binding.h"

using namespace millrace;

namespace {

constexpr uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
const PeerAddress four{.family = 4, .port = {0x80, 0x55}, .ip = {192, 0, 2, 1}};
const PeerAddress six{.family = 6, .port = {0x80, 0x55}, .ip = {0x20, 1, 0xd, 0xb8, 0x12, 0x34, 0x56, 0x78, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}};
const StunOptions plain, full{.software = std::string(127, 's'), .fingerprint = true}, old{.software = std::string(127, 's'), .fingerprint = true, .rfc3489 = true};

size_t be16(Input bytes, size_t at) { return size_t(bytes[at]) << 8 | bytes[at + 1]; }

Bytes answerTo(const StunOptions& options, Input message, const PeerAddress& peer) {
  return exactly(message, [&](Input bytes) {
    uint8_t answer[stunAnswerBytes];
    return Bytes(answer, answer + answerStun(options, bytes, peer, answer));
  });
}

/// The address of an attribute, unmasked where it is masked.
void addressHolds(Input answer, size_t at, bool masked, const PeerAddress& peer) {
  const size_t length = be16(answer, at + 2);
  hold(length == (peer.family == 4 ? 8 : 20) && answer[at + 4] == 0 && answer[at + 5] == (peer.family == 4 ? 1 : 2), "an address is of the peer's family");
  for (size_t i = 0; i < 2; ++i) hold((answer[at + 6 + i] ^ (masked ? answer[4 + i] : 0)) == peer.port[i], "the port is the peer's");
  for (size_t i = 0; i < length - 4; ++i) hold((answer[at + 8 + i] ^ (masked ? answer[4 + i] : 0)) == peer.ip[i], "the address is the peer's");
}

/// Whether its FINGERPRINT, where it has one, is right and the last of it.
bool fingerprintFits(Input message) {
  for (size_t at = stunHeaderBytes; at + 4 <= message.size(); at += 4 + (be16(message, at + 2) + 3) / 4 * 4) {
    if (be16(message, at) != 0x8028) continue;
    return at + 8 == message.size() && be16(message, at + 2) == 4 && (be16(message, at + 4) << 16 | be16(message, at + 6)) == (reflectedCrc(crc32, message.first(at)) ^ 0x5354554e);
  }
  return true;
}

void answerHolds(const StunOptions& options, Input message, const PeerAddress& peer) {
  const Bytes answer = answerTo(options, message, peer);
  if (answer.empty()) return;
  hold(be16(message, 0) == 0x0001 && fingerprintFits(message), "a Binding request is answered, and none that is damaged");
  hold(message.size() <= stunMostBytes && answer.size() >= stunHeaderBytes && stunMessageLength(answer, options.rfc3489) == int(answer.size()), "an answer is one message");
  const bool modern = std::equal(cookie, cookie + 4, message.begin() + 4);
  hold(modern || options.rfc3489, "without the cookie only who is asked to answers");
  hold(std::equal(message.begin() + 4, message.begin() + 20, answer.begin() + 4), "the transaction is the request's");
  const size_t type = be16(answer, 0);
  hold(type == 0x0101 || type == 0x0111, "it is a success or an error");
  bool mapped = false, code = false, last = false;
  for (size_t at = stunHeaderBytes; at < answer.size();) {
    hold(!last && at + 4 <= answer.size(), "attributes end with the message, and a FINGERPRINT is the last");
    const size_t attribute = be16(answer, at), length = be16(answer, at + 2), padded = (length + 3) / 4 * 4;
    hold(at + 4 + padded <= answer.size() && (modern || padded == length), "attributes are within the message, and of whole words where padding is not known");
    switch (attribute) {
      case 0x0001: case 0x0020:
        hold((attribute == 0x0020) == modern, "the address is masked where there is a cookie");
        addressHolds(answer, at, modern, peer);
        mapped = true;
        break;
      case 0x0009: code = length == 4 && answer[at + 6] == 4 && answer[at + 7] == 20; break;
      case 0x8028: last = true; break;
      default: hold(attribute == 0x000a || attribute == 0x8022, "nothing else is told");
    }
    at += 4 + padded;
  }
  hold(fingerprintFits(answer), "a FINGERPRINT is right");
  hold(mapped == (type == 0x0101) && code == (type == 0x0111), "a success has an address, an error its code");
  if (message.size() == stunHeaderBytes && modern && options.software.empty() && !options.fingerprint) hold(answer.size() == (peer.family == 4 ? 32 : 44), "an answer to a request without attributes is short");
}

/// Whether an attribute says that only who knows a password should answer.
bool authenticated(Input message) {
  for (size_t at = stunHeaderBytes; at + 4 <= message.size(); at += 4 + (be16(message, at + 2) + 3) / 4 * 4) {
    const size_t type = be16(message, at);
    if (type == 0x0006 || type == 0x0008 || type == 0x001c) return true;
  }
  return false;
}

}  // namespace

void fuzz(Input input) {
  const StunLook look = atEveryCut(input, lookAtStun, untilDecided<StunLook::cut>);
  for (const bool rfc3489 : {false, true}) atEveryCut(input, [&](Input head) { return stunMessageLength(head, rfc3489); }, untilDecided<0>);
  const int length = stunMessageLength(input, false);
  for (const StunOptions* options : {&plain, &full, &old}) {
    for (const PeerAddress* peer : {&four, &six}) answerHolds(*options, input, *peer);
  }
  hold(answerTo(plain, input, PeerAddress{.family = 1}).empty(), "who has no address is not answered");

  if (length > 0 && size_t(length) <= input.size()) {
    const Input message = input.first(size_t(length));
    hold(look != StunLook::cut, "a message that is there is not waited for");
    const bool answered = !answerTo(plain, message, four).empty();
    hold((look == StunLook::openRequest) == (answered && !authenticated(message)), "an open request is one that is answered and that no password is for");
  }
  const Match stream = atEveryCut(StunBindingMatcher(), input), datagram = ask(StunBindingMatcher(), input, true, true);
  hold(stream == (look == StunLook::openRequest ? Match::yes : look == StunLook::cut ? Match::more : Match::no), "stunBinding asks how it looks");
  hold((datagram == Match::yes) == (stream == Match::yes && length == int(input.size())), "a datagram is one request and nothing else");
}
