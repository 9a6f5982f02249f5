// STUN Binding (RFC 8489, with RFC 3489 on request): what a request is answered with (internal). Pure functions over bytes; own nothing.
// A message that must not be answered gives nothing, so what is malformed, an indication or a response is met with silence. No state is kept:
// a request that comes twice is answered twice.
// Invariant: an answer is never longer than stunAnswerBytes, and to a request without attributes it is 32 bytes over IPv4 and 44 over IPv6
// unless a SOFTWARE or a FINGERPRINT is asked for by the options.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "core/peer_address.h"

namespace millrace {

struct StunOptions {
  std::string software;      // empty: not told
  bool fingerprint = false;  // in every answer, not only where the request has one
  bool rfc3489 = false;      // requests without the magic cookie are answered too
  uint32_t ratePerAddress = 0;
};

constexpr size_t stunHeaderBytes = 20;
constexpr size_t stunAnswerBytes = 512;
/// The longest request that is answered; those that are seen have a few dozen bytes. Longer ones would cost us a CRC over all they have.
constexpr size_t stunMostBytes = 2048;

/// The length of the answer that has been written, or 0 where there is none. `message` is one whole message, as the header says.
size_t answerStun(const StunOptions& options, std::span<const uint8_t> message, const PeerAddress& peer, std::span<uint8_t, stunAnswerBytes> answer);

/// What bytes begin with. An open request is one for Binding that answerStun() answers and that carries neither USERNAME nor MESSAGE-INTEGRITY nor
/// MESSAGE-INTEGRITY-SHA256: it asks whoever gets it, and not somebody whose password it knows, as the checks of ICE do (RFC 8445 section 7.2.2).
enum class StunLook : uint8_t { other, cut, openRequest };
StunLook lookAtStun(std::span<const uint8_t> bytes);

/// Of a stream: the length of the message that begins here. 0 with fewer bytes than a header; -1 as soon as it is sure that none begins.
int stunMessageLength(std::span<const uint8_t> bytes, bool rfc3489);

}  // namespace millrace
