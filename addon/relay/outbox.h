// Outbox: what this turn has to tell JS (internal). Owns the records and lookups; the arena's memory is the host's. One loop's thread only.
// At a turn's end the engine takes the records in order and hands them to its Host; records that arise meanwhile wait for the next round.
// Invariant: arena bytes handed out stay untouched until reset(), which the engine calls when no record is left.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "relay/record.h"

namespace millrace {

/// A session waits for the addresses of a name.
struct Lookup {
  double session;
  std::string name;
};

class Outbox {
 public:
  explicit Outbox(std::span<uint8_t> arena) : arena_(arena) {}

  void push(const Record& record) { records_.push_back(record); }
  bool empty() const { return records_.empty(); }
  std::vector<Record> takeRecords() { return std::exchange(records_, {}); }

  bool asks() const { return !lookups_.empty(); }
  void push(Lookup lookup) { lookups_.push_back(std::move(lookup)); }
  std::vector<Lookup> takeLookups() { return std::exchange(lookups_, {}); }

  std::span<uint8_t> room() const { return arena_.subspan(used_); }
  /// Keeps the first `bytes` of room(); returns their offset.
  size_t keep(size_t bytes) {
    const size_t offset = used_;
    used_ += (bytes + 7) & ~size_t(7);
    if (used_ > arena_.size()) used_ = arena_.size();
    return offset;
  }
  std::span<const uint8_t> bytes(size_t offset, size_t length) const { return arena_.subspan(offset, length); }
  void reset() { used_ = 0; }

 private:
  std::vector<Record> records_;
  std::vector<Lookup> lookups_;
  std::span<uint8_t> arena_;
  size_t used_ = 0;
};

}  // namespace millrace
