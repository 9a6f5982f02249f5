// ClientHellos made for tests, and a naive reader to compare with.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exactly.h"
#include "stage/client_hello.h"

using Bytes = std::vector<uint8_t>;

inline void put(Bytes& out, size_t value, int bytes) {
  while (bytes-- > 0) out.push_back(static_cast<uint8_t>(value >> (8 * bytes)));
}

inline void put(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

inline Bytes sized(const Bytes& content, int lengthBytes) {
  Bytes out;
  put(out, content.size(), lengthBytes);
  put(out, content);
  return out;
}

inline Bytes extension(uint16_t type, const Bytes& content) {
  Bytes out;
  put(out, type, 2);
  put(out, sized(content, 2));
  return out;
}

// server_name with these entries of (type, name).
inline Bytes serverName(const std::vector<std::pair<uint8_t, std::string>>& entries) {
  Bytes list;
  for (const auto& [type, name] : entries) {
    list.push_back(type);
    put(list, sized(Bytes(name.begin(), name.end()), 2));
  }
  return extension(0, sized(list, 2));
}

inline Bytes serverName(const std::string& name) { return serverName({{0, name}}); }

// A handshake message; `extensions` absent: a hello from before they existed.
inline Bytes helloMessage(const std::optional<Bytes>& extensions, size_t sessionId = 32, size_t suitesBytes = 4, size_t compressions = 1) {
  Bytes body{3, 3};
  body.resize(34, 0x5a);
  put(body, sized(Bytes(sessionId, 0x1d), 1));
  put(body, sized(Bytes(suitesBytes, 0x13), 2));
  put(body, sized(Bytes(compressions), 1));
  if (extensions) put(body, sized(*extensions, 2));
  Bytes message{1};
  put(message, sized(body, 3));
  return message;
}

inline Bytes records(const Bytes& message, size_t recordBytes = 16384) {
  Bytes out;
  for (size_t at = 0; at < message.size(); at += recordBytes) {
    const size_t length = std::min(recordBytes, message.size() - at);
    put(out, {22, 3, 1});
    put(out, length, 2);
    out.insert(out.end(), message.begin() + static_cast<long>(at), message.begin() + static_cast<long>(at + length));
  }
  return out;
}

// The bytes of a wire image without the record headers, or nothing if a record is not whole and well-formed.
inline std::optional<Bytes> messageIn(std::span<const uint8_t> wire) {
  Bytes message;
  while (!wire.empty()) {
    if (wire.size() < 5 || wire[0] != 22 || wire[1] != 3) break;
    const size_t length = wire[3] * 256u + wire[4];
    if (length == 0 || length > 16384) break;
    const auto content = wire.subspan(5, std::min(length, wire.size() - 5));
    message.insert(message.end(), content.begin(), content.end());
    wire = wire.subspan(5 + content.size());
  }
  if (message.size() < 4) return std::nullopt;
  const size_t length = 4 + (message[1] << 16 | message[2] << 8 | message[3]);
  if (message.size() < length) return std::nullopt;
  message.resize(length);
  return message;
}

// Reads the name a second way, from the assembled message with plain offsets: what the real reader accepts, this must accept.
inline std::optional<std::string> naiveName(std::span<const uint8_t> wire) {
  const auto found = messageIn(wire);
  if (!found || (*found)[0] != 1) return std::nullopt;
  const Bytes& m = *found;
  const auto two = [&](size_t at) { return at + 1 < m.size() ? m[at] * 256u + m[at + 1] : 0u; };
  size_t at = 4 + 34;
  if (m.size() <= at || m[4] != 3 || m[at] > 32) return std::nullopt;
  at += 1u + m[at];
  const size_t suites = two(at);
  if (suites == 0 || suites % 2 != 0) return std::nullopt;
  at += 2 + suites;
  if (at >= m.size() || m[at] == 0) return std::nullopt;
  at += 1u + m[at];
  if (at + 2 > m.size() || at + 2 + two(at) != m.size()) return std::nullopt;
  at += 2;
  std::optional<std::string> name;
  bool protocols = false;
  while (at < m.size()) {
    if (at + 4 > m.size() || at + 4 + two(at + 2) > m.size()) return std::nullopt;
    const size_t length = two(at + 2);
    if (two(at) == 0) {
      if (name || length < 6 || two(at + 4) != length - 2 || m[at + 6] != 0 || two(at + 7) != length - 5 || length - 5 > 255) return std::nullopt;
      name.emplace(m.begin() + static_cast<long>(at + 9), m.begin() + static_cast<long>(at + 4 + length));
      name->resize(millrace::normalizeHostName(*name));
      if (name->empty()) return std::nullopt;
    }
    if (two(at) == 16) {
      if (protocols || length < 4 || two(at + 4) != length - 2) return std::nullopt;
      protocols = true;
      for (size_t one = at + 6; one < at + 4 + length; one += 1u + m[one]) {
        if (m[one] == 0 || one + 1 + m[one] > at + 4 + length) return std::nullopt;
      }
    }
    at += 4 + length;
  }
  return name;
}

// The reader's answer with its name copied out.
struct Answer {
  millrace::ClientHello::State state;
  std::string name;
  bool operator==(const Answer&) const = default;
};

inline Answer readExactly(std::span<const uint8_t> head) {
  return exactly(head, [](std::span<const uint8_t> bytes) {
    char name[256], protocols[256];
    const millrace::ClientHello hello = millrace::readClientHello(bytes, name, protocols);
    return Answer{hello.state, std::string(hello.name)};
  });
}
