// DatagramRow and DatagramReply: what a crossing of datagrams shows JS and what JS says to it (internal). Both lie in memory shared with `lib`,
// whose field numbers are in lib/native.ts. The addon fills the rows and sets the count of replies to 0; JS writes verdicts and replies.
#pragma once
#include <cstdint>
#include <span>

#include "core/peer_address.h"

namespace millrace {

enum class RowVerdict : int32_t { pass = 0, drop, replaced, replacedLate, answered };

struct DatagramRow {
  int32_t offset;          // into the arena
  int32_t length;
  int32_t flowIndex;
  int32_t flowGeneration;
  int32_t node;
  int32_t planAndDirection;
  int32_t verdict;         // written by JS
  int32_t endpoint;
  int32_t outOffset;       // written by JS where replaced: into `out`
  int32_t outLength;
  int32_t spare;
  PeerAddress peer;
};
static_assert(sizeof(DatagramRow) == 64);

/// Goes in the direction opposite to its row's. The first of the buffer carries the count of the others in `row`.
struct DatagramReply {
  int32_t row;
  int32_t offset;
  int32_t length;
  int32_t area;            // 0 the arena, 1 `out`
};
static_assert(sizeof(DatagramReply) == 16);

/// The memory shared with JS; empty where a loop has no datagrams.
struct DatagramBuffers {
  std::span<uint8_t> arena;
  std::span<DatagramRow> rows;
  std::span<DatagramReply> replies;
  std::span<uint8_t> out;
};

}  // namespace millrace
