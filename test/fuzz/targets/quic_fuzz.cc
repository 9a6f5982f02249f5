// The first datagram of a QUIC client, read a second time.
#include "properties.h"
#include "stage/quic.h"

using namespace millrace;

namespace {

uint32_t be32(Input bytes, size_t at) { return uint32_t(bytes[at]) << 24 | uint32_t(bytes[at + 1]) << 16 | uint32_t(bytes[at + 2]) << 8 | bytes[at + 3]; }

/// A variable-length integer (RFC 9000 section 16).
uint64_t varint(Input bytes, size_t& at) {
  const size_t size = size_t(1) << (bytes[at] >> 6);
  uint64_t value = bytes[at] & 0x3f;
  for (size_t i = 1; i < size; ++i) value = value << 8 | bytes[at + i];
  at += size;
  return value;
}

}  // namespace

void fuzz(Input input) {
  const QuicMatcher quic({1, 0x6b3343cf});
  hold(ask(quic, input) == Match::no && ask(quic, input, true) == Match::no, "a stream is none");
  if (ask(quic, input, true, true) == Match::no) return;
  hold(input.size() >= 1200 && (input[0] & 0x80), "a datagram of a client that begins is long, and so is its header");
  const uint32_t version = be32(input, 1);
  size_t at = 5;
  for (const char* id : {"destination", "source"}) {
    const size_t size = input[at++];
    hold(version != 1 || size <= 20, id);
    at += size;
    hold(at < input.size(), "ids stay within it");
  }
  if (version != 1 && version != 0x6b3343cf) return;
  hold((input[0] >> 4 & 3) == (version == 1 ? 0 : 1), "it is an Initial");
  const uint64_t token = varint(input, at);
  hold((input[0] & 0x40) || token > 0, "its fixed bit is set, or it has a token");
  at += token;
  hold(varint(input, at) <= input.size() - at, "its length stays within it");
}
