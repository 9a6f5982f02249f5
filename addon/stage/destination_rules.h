// DestinationRules: where a client that names its destination may go (internal). Owns the rules; read-only once made. The most specific network that an address is in decides:
// one that is allowed beats one that is guarded and no longer, and where some are allowed nothing else is. What is denied stays so. An IPv6 address that carries an IPv4
// address (NAT64, 6to4, IPv4-compatible, ISATAP) is no way around a rule for that one.
// Invariant: what is asked about is the address that will be dialled, never a name.
#pragma once

#include <utility>
#include <vector>

#include "core/cidr.h"

namespace millrace {

struct RuleLists {
  std::vector<Cidr> allow;  // none: all that is not guarded
  std::vector<Cidr> deny;
  std::vector<Cidr> guard;  // what is not to be reached without being allowed
  std::vector<std::pair<uint16_t, uint16_t>> ports;  // first and last; none: all but those that are closed
  std::vector<uint16_t> closedPorts;
};

class DestinationRules {
 public:
  enum class Answer : uint8_t {
    denied,
    admitted,  // unless it is an address of this machine itself
    allowed,   // by a network that is not all there is
  };

  explicit DestinationRules(RuleLists lists) : lists_(std::move(lists)) {}

  /// Of an address and its port.
  Answer about(const PeerAddress& to) const { return admitsPort(to.portNumber()) ? aboutAddress(to) : Answer::denied; }
  Answer aboutAddress(const PeerAddress& to) const;
  bool admitsPort(uint16_t port) const;

 private:
  Answer decide(const PeerAddress& to, bool carried) const;

  RuleLists lists_;
};

}  // namespace millrace
