// The sink `stun` (internal): the options of its answers and the budget of each address. One loop's thread only.
#pragma once
#include <optional>
#include <utility>

#include "stage/address_budget.h"
#include "stage/stun.h"

namespace millrace {

class StunSink {
 public:
  explicit StunSink(StunOptions options) : options_(std::move(options)) {
    if (options_.ratePerAddress > 0) budget_.emplace(options_.ratePerAddress);
  }

  const StunOptions& options() const { return options_; }
  /// Takes from the peer's budget: to be asked for what would be answered, and for nothing else.
  bool affords(const PeerAddress& peer, uint64_t nowMs) { return !budget_ || budget_->take(peer, nowMs); }

 private:
  StunOptions options_;
  std::optional<AddressBudget> budget_;
};

}  // namespace millrace
