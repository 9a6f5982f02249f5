// The matcher `quic`: whether the datagram is what a QUIC client begins with: an Initial packet of version 1 (RFC 9000 section 17.2.2) or 2 (RFC 9369 section 3.2) whose
// lengths stay within a datagram of at least 1200 bytes (RFC 9000 section 14.1); of another version a packet of which the header that all versions have is right (RFC 8999
// section 5.1). What follows an Initial tells nothing by itself, so a flow keeps the branch in which it began. Nothing is decrypted. Owns the versions.
#pragma once

#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class QuicMatcher final : public Matcher {
 public:
  explicit QuicMatcher(std::vector<uint32_t> versions) : versions_(std::move(versions)) {}

  Match match(const MatchInput& input) const override;
  bool beginsFlow() const override { return true; }

 private:
  bool knows(uint32_t version) const;

  std::vector<uint32_t> versions_;
};

}  // namespace millrace
