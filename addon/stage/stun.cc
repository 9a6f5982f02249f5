#include "stage/stun.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace {
namespace {

constexpr uint8_t magicCookie[4] = {0x21, 0x12, 0xa4, 0x42};
constexpr uint32_t fingerprintMask = 0x5354554e;
constexpr uint16_t bindingRequest = 0x0001, bindingSuccess = 0x0101, bindingError = 0x0111;
constexpr uint16_t unknownAttribute = 420;

enum Attribute : uint16_t {
  mappedAddress = 0x0001, changeRequest = 0x0003, username = 0x0006, messageIntegrity = 0x0008, errorCode = 0x0009, unknownAttributes = 0x000a, realm = 0x0014,
  nonce = 0x0015, messageIntegritySha256 = 0x001c, passwordAlgorithm = 0x001d, userHash = 0x001e, xorMappedAddress = 0x0020, priority = 0x0024, useCandidate = 0x0025,
  software = 0x8022, fingerprint = 0x8028,
};

constexpr size_t mostUnknown = 100;

uint16_t be16(const uint8_t* at) { return uint16_t(at[0] << 8 | at[1]); }
uint32_t be32(const uint8_t* at) { return uint32_t{be16(at)} << 16 | be16(at + 2); }
void put16(uint8_t* at, unsigned value) {
  at[0] = uint8_t(value >> 8);
  at[1] = uint8_t(value);
}
void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}
constexpr size_t padded(size_t length) { return (length + 3) & ~size_t{3}; }

constexpr auto crcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    table[i] = value;
  }
  return table;
}();

uint32_t crc32(const uint8_t* data, size_t length) {
  uint32_t value = ~0u;
  for (size_t i = 0; i < length; ++i) value = value >> 8 ^ crcTable[(value ^ data[i]) & 0xff];
  return ~value;
}

/// Attributes that an agent has to understand, and that we do, or that mean nothing in a request.
bool understood(uint16_t type, const uint8_t* value, size_t length) {
  switch (type) {
    case mappedAddress: case username: case messageIntegrity: case errorCode: case unknownAttributes: case realm: case nonce:
    case messageIntegritySha256: case passwordAlgorithm: case userHash: case xorMappedAddress: case priority: case useCandidate:
      return true;
    case changeRequest:  // RFC 3489 clients send one that asks for no change
      return length == 4 && be32(value) == 0;
    default:
      return type >= 0x8000;
  }
}

struct Request {
  enum class State : uint8_t { refused, cut, whole };
  State state = State::refused;
  bool hasFingerprint = false;
  bool authenticated = false;  // has what only who knows the password can check
  size_t unknownCount = 0;
  uint16_t unknown[mostUnknown];
};

/// Of a message of `end` bytes, of which `bytes` are there: `cut` where it depends on those that are not.
Request readAttributes(std::span<const uint8_t> bytes, size_t end) {
  Request request;
  const auto cut = [&] { return request.state = Request::State::cut, request; };
  bool afterIntegrity = false;
  for (size_t at = stunHeaderBytes; at < end;) {
    if (bytes.size() < at + 4) return cut();
    const uint8_t* attribute = bytes.data() + at;
    const uint16_t type = be16(attribute);
    const size_t length = be16(attribute + 2);
    const size_t next = at + 4 + padded(length);
    if (next > end || (type == fingerprint && (length != 4 || next != end))) return request;
    const bool integrity = type == messageIntegrity || type == messageIntegritySha256;
    request.authenticated = request.authenticated || integrity || type == username;
    if (bytes.size() < next) return cut();
    if (type == fingerprint) {
      if ((crc32(bytes.data(), at) ^ fingerprintMask) != be32(attribute + 4)) return request;
      request.hasFingerprint = true;
    } else if (!afterIntegrity && !understood(type, attribute + 4, length)) {
      if (request.unknownCount == mostUnknown) return request;
      request.unknown[request.unknownCount++] = type;
    }
    afterIntegrity = afterIntegrity || integrity;
    at = next;
  }
  request.state = Request::State::whole;
  return request;
}

bool isBindingRequest(std::span<const uint8_t> header) { return be16(header.data()) == bindingRequest; }

/// Writes one attribute after another behind the header. RFC 3489 knows no padding: to its clients a value is a multiple of 4 bytes by itself, so one
/// unknown attribute of an odd number is named twice (section 11.2.10), and a text has spaces behind it.
class Answer {
 public:
  Answer(std::span<uint8_t, stunAnswerBytes> into, std::span<const uint8_t> request, uint16_t type) : into_(into) {
    put16(into_.data(), type);
    std::memcpy(into_.data() + 4, request.data() + 4, 16);  // the cookie and the transaction
  }

  uint8_t* add(uint16_t type, size_t length) {
    uint8_t* at = into_.data() + length_;
    put16(at, type);
    put16(at + 2, unsigned(length));
    std::memset(at + 4, 0, padded(length));
    length_ += 4 + padded(length);
    return at + 4;
  }

  size_t finish(bool withFingerprint) {
    put16(into_.data() + 2, unsigned(length_ - stunHeaderBytes + (withFingerprint ? 8 : 0)));
    if (withFingerprint) {
      const uint32_t value = crc32(into_.data(), length_) ^ fingerprintMask;
      put32(add(fingerprint, 4), value);
    }
    return length_;
  }

 private:
  std::span<uint8_t, stunAnswerBytes> into_;
  size_t length_ = stunHeaderBytes;
};

void addAddress(Answer& answer, uint16_t type, const PeerAddress& peer, const uint8_t* mask) {
  const size_t bytes = peer.family == 4 ? 4 : 16;
  uint8_t* at = answer.add(type, 4 + bytes);
  at[1] = peer.family == 4 ? 1 : 2;
  for (size_t i = 0; i < 2; ++i) at[2 + i] = peer.port[i] ^ (mask ? mask[i] : 0);
  for (size_t i = 0; i < bytes; ++i) at[4 + i] = peer.ip[i] ^ (mask ? mask[i] : 0);
}

}  // namespace

size_t answerStun(const StunOptions& options, std::span<const uint8_t> message, const PeerAddress& peer, std::span<uint8_t, stunAnswerBytes> out) {
  if (message.size() < stunHeaderBytes || message.size() > stunMostBytes) return 0;
  if (stunMessageLength(message, options.rfc3489) != int(message.size()) || !isBindingRequest(message)) return 0;
  if (peer.family != 4 && peer.family != 6) return 0;
  const bool modern = std::memcmp(message.data() + 4, magicCookie, sizeof magicCookie) == 0;
  const Request request = readAttributes(message, message.size());
  if (request.state != Request::State::whole) return 0;
  Answer answer(out, message, request.unknownCount > 0 ? bindingError : bindingSuccess);
  if (request.unknownCount > 0) {
    uint8_t* code = answer.add(errorCode, 4);
    code[2] = unknownAttribute / 100;
    code[3] = unknownAttribute % 100;
    const size_t count = modern ? request.unknownCount : request.unknownCount + request.unknownCount % 2;
    uint8_t* list = answer.add(unknownAttributes, count * 2);
    for (size_t i = 0; i < count; ++i) put16(list + i * 2, request.unknown[std::min(i, request.unknownCount - 1)]);
  } else if (modern) {
    addAddress(answer, xorMappedAddress, peer, message.data() + 4);  // what it is masked with: the cookie, and the transaction behind it
  } else {
    addAddress(answer, mappedAddress, peer, nullptr);
  }
  if (!options.software.empty()) {
    const size_t length = modern ? options.software.size() : padded(options.software.size());
    uint8_t* text = answer.add(software, length);
    std::memset(text, ' ', length);
    std::memcpy(text, options.software.data(), options.software.size());
  }
  return answer.finish(modern && (request.hasFingerprint || options.fingerprint));
}

StunLook lookAtStun(std::span<const uint8_t> bytes) {
  const int length = stunMessageLength(bytes, false);
  if (length < 0 || length > int(stunMostBytes) || (bytes.size() >= 2 ? !isBindingRequest(bytes) : !bytes.empty() && bytes[0] != bindingRequest >> 8)) return StunLook::other;
  if (length == 0) return StunLook::cut;
  const Request request = readAttributes(bytes.first(std::min(bytes.size(), size_t(length))), size_t(length));
  if (request.authenticated || request.state == Request::State::refused) return StunLook::other;
  return request.state == Request::State::cut ? StunLook::cut : StunLook::openRequest;
}

int stunMessageLength(std::span<const uint8_t> bytes, bool rfc3489) {
  if (bytes.size() > 0 && (bytes[0] & 0xc0) != 0) return -1;
  if (bytes.size() > 3 && bytes[3] % 4 != 0) return -1;
  for (size_t i = 4; i < std::min<size_t>(bytes.size(), 8) && !rfc3489; ++i) {
    if (bytes[i] != magicCookie[i - 4]) return -1;
  }
  return bytes.size() < stunHeaderBytes ? 0 : int(be16(bytes.data() + 2) + stunHeaderBytes);
}

}  // namespace millrace
