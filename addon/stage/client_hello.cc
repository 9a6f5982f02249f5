#include "stage/client_hello.h"

#include <algorithm>

namespace millrace {
namespace {

using State = ClientHello::State;

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kLongestRecord = 16384;
constexpr size_t kLongestName = 255;
constexpr uint16_t kServerNameExtension = 0;
constexpr uint16_t kProtocolsExtension = 16;
constexpr uint8_t kHostName = 0;

// Hands out the bytes of the handshake message that the records carry. The first thing that goes wrong, `more` included, stops it
// for good: later reads give 0, and the caller looks at `stopped` before it uses what it read.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> head) : head_(head) {}

  bool stopped() const { return stopped_; }
  State state() const { return state_; }

  bool stop(State state) {
    if (!stopped_) state_ = state;
    stopped_ = true;
    return false;
  }

  uint8_t byte() {
    if (!inRecord()) return 0;
    --recordLeft_;
    return head_[at_++];
  }

  uint32_t number(int bytes) {
    uint32_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }

  void skip(size_t bytes) {
    while (bytes > 0 && inRecord()) {
      const size_t step = std::min({bytes, recordLeft_, head_.size() - at_});
      at_ += step;
      recordLeft_ -= step;
      bytes -= step;
    }
  }

 private:
  // Whether a byte of the message is there, after the header of the next record where one is due.
  bool inRecord() {
    if (stopped_) return false;
    if (recordLeft_ == 0 && !openRecord()) return false;
    return at_ < head_.size() || stop(State::more);
  }

  // type (22) | version (3, any) | length (2 bytes, 1 to 16384). Judged as far as it is there.
  bool openRecord() {
    const std::span<const uint8_t> header = head_.subspan(at_, std::min<size_t>(5, head_.size() - at_));
    const State wrong = at_ == 0 ? State::notTls : State::malformed;
    if (header.size() > 0 && header[0] != kHandshakeRecord) return stop(wrong);
    if (header.size() > 1 && header[1] != 3) return stop(wrong);
    if (header.size() > 3 && header[3] > kLongestRecord >> 8) return stop(State::malformed);
    if (header.size() < 5) return stop(State::more);
    const size_t length = static_cast<size_t>(header[3]) << 8 | header[4];
    if (length == 0 || length > kLongestRecord) return stop(State::malformed);
    at_ += 5;
    recordLeft_ = length;
    return true;
  }

  std::span<const uint8_t> head_;
  size_t at_ = 0;
  size_t recordLeft_ = 0;
  bool stopped_ = false;
  State state_ = State::more;
};

// A length-prefixed piece of the message: `left` is what the enclosing piece still holds. Every read is checked against it first.
class Piece {
 public:
  Piece(MessageReader& reader, size_t length) : reader_(reader), left_(length) {}

  size_t left() const { return left_; }

  uint32_t number(int bytes) {
    if (!claim(static_cast<size_t>(bytes))) return 0;
    return reader_.number(bytes);
  }

  void skip(size_t bytes) {
    if (claim(bytes)) reader_.skip(bytes);
  }

  // A length field of so many bytes and what it announces, which this piece must hold.
  Piece nested(int lengthBytes) {
    const size_t length = number(lengthBytes);
    return Piece(reader_, !reader_.stopped() && claim(length) ? length : 0);
  }

 private:
  bool claim(size_t bytes) {
    if (reader_.stopped()) return false;
    if (bytes > left_) return reader_.stop(State::malformed);
    left_ -= bytes;
    return true;
  }

  MessageReader& reader_;
  size_t left_;
};

// ServerNameList: exactly one entry, a host_name. Returns its length in `buffer`, 0 if it is none, or the reader was stopped.
size_t readServerName(MessageReader& reader, Piece extension, std::span<char, 256> buffer) {
  Piece list = extension.nested(2);
  if (!reader.stopped() && extension.left() != 0) reader.stop(State::malformed);
  const uint32_t type = list.number(1);
  if (!reader.stopped() && type != kHostName) reader.stop(State::malformed);
  Piece name = list.nested(2);
  if (!reader.stopped() && (list.left() != 0 || name.left() == 0 || name.left() > kLongestName)) reader.stop(State::malformed);
  if (reader.stopped()) return 0;

  const size_t length = name.left();
  for (size_t i = 0; i < length; ++i) buffer[i] = static_cast<char>(name.number(1));
  if (reader.stopped()) return 0;
  return normalizeHostName(buffer.first(length));
}

// ProtocolNameList <2..2^16-1> of names <1..2^8-1> (RFC 7301 section 3.1). Returns how much of `buffer` those take that fit, whole and in order.
size_t readProtocols(MessageReader& reader, Piece extension, std::span<char, 256> buffer) {
  Piece list = extension.nested(2);
  if (!reader.stopped() && (extension.left() != 0 || list.left() == 0)) reader.stop(State::malformed);
  size_t used = 0;
  bool fits = true;
  while (!reader.stopped() && list.left() > 0) {
    Piece name = list.nested(1);
    if (!reader.stopped() && name.left() == 0) reader.stop(State::malformed);
    const size_t length = name.left();
    fits = fits && used + 1 + length <= buffer.size();
    if (!fits) {
      name.skip(length);
      continue;
    }
    buffer[used++] = static_cast<char>(length);
    for (size_t i = 0; i < length; ++i) buffer[used++] = static_cast<char>(name.number(1));
  }
  return used;
}

}  // namespace

// Handshake: type 1 | length 3 | ClientHello: version 2 | random 32 | session_id <0..32> | cipher_suites <2..2^16-2> |
// compression_methods <1..2^8-1> | extensions <0..2^16-1>, absent in hellos from before they existed.
ClientHello readClientHello(std::span<const uint8_t> head, std::span<char, 256> nameBuffer, std::span<char, 256> protocolBuffer) {
  MessageReader reader(head);
  const auto ended = [&] { return ClientHello{reader.state(), {}}; };
  const auto broken = [&](bool wrong) {
    if (wrong) reader.stop(State::malformed);
    return reader.stopped();
  };

  const uint8_t type = reader.byte();
  if (broken(!reader.stopped() && type != kClientHelloMessage)) return ended();
  Piece hello(reader, reader.number(3));
  if (reader.stopped()) return ended();
  const uint32_t version = hello.number(2);
  if (broken(!reader.stopped() && version >> 8 != 3)) return ended();
  hello.skip(32);
  Piece sessionId = hello.nested(1);
  if (broken(sessionId.left() > 32)) return ended();
  sessionId.skip(sessionId.left());
  Piece suites = hello.nested(2);
  if (broken(!reader.stopped() && (suites.left() == 0 || suites.left() % 2 != 0))) return ended();
  suites.skip(suites.left());
  Piece compressions = hello.nested(1);
  if (broken(!reader.stopped() && compressions.left() == 0)) return ended();
  compressions.skip(compressions.left());
  if (reader.stopped()) return ended();
  if (hello.left() == 0) return {State::noSni, {}};

  Piece extensions = hello.nested(2);
  if (broken(!reader.stopped() && hello.left() != 0)) return ended();
  size_t nameLength = 0, protocolsLength = 0;
  bool named = false;
  while (!reader.stopped() && extensions.left() > 0) {
    const uint32_t kind = extensions.number(2);
    Piece extension = extensions.nested(2);
    if (reader.stopped()) break;
    if (kind == kServerNameExtension && !named) {
      named = true;
      nameLength = readServerName(reader, extension, nameBuffer);
    } else if (kind == kProtocolsExtension && protocolsLength == 0) {
      protocolsLength = readProtocols(reader, extension, protocolBuffer);
    } else if (kind == kServerNameExtension || kind == kProtocolsExtension) {
      reader.stop(State::malformed);
    } else {
      extension.skip(extension.left());
    }
  }
  if (reader.stopped()) return ended();
  const std::string_view protocols(protocolBuffer.data(), protocolsLength);
  if (nameLength == 0) return {named ? State::badSni : State::noSni, {}, protocols};
  return {State::sni, {nameBuffer.data(), nameLength}, protocols};
}

size_t normalizeHostName(std::span<char> name) {
  size_t length = name.size();
  if (length == 0 || length > kLongestName) return 0;
  if (name[length - 1] == '.') --length;
  size_t label = 0;
  bool digitsOnly = true;
  for (size_t i = 0; i < length; ++i) {
    char& c = name[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '.') {
      if (label == 0) return 0;
      label = 0;
      digitsOnly = true;
      continue;
    }
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') return 0;
    digitsOnly = digitsOnly && digit;
    if (++label > 63) return 0;
  }
  return label == 0 || digitsOnly ? 0 : length;
}

}  // namespace millrace
