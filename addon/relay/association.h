// Association: what a SOCKS5 client has for its datagrams (internal): the socket that it sends to, the sockets that its datagrams leave by, and whom it has sent some. Belongs to a
// session, that of the TCP connection which asked for it, and ends with it. One loop's thread only. It is data: associate.h acts on it.
// Invariant: nobody but the client's address is heard inside, and nobody but those it has sent to outside; what it remembers of them is bounded.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/address.h"
#include "core/fd.h"

namespace millrace {

/// Keeps the entries that were used last: at most two times `most` of them.
template <class Key, class Value, class Hash = std::hash<Key>>
class Recent {
 public:
  explicit Recent(size_t most, Hash hash = Hash()) : most_(most), young_(0, hash), old_(0, hash) {}

  /// Null where it is not known.
  Value* find(const Key& key) {
    if (const auto found = young_.find(key); found != young_.end()) return &found->second;
    const auto found = old_.find(key);
    if (found == old_.end()) return nullptr;
    Value value = std::move(found->second);
    old_.erase(found);
    return &add(key, std::move(value));
  }
  Value& add(const Key& key, Value value) {
    if (young_.size() >= most_) {
      old_ = std::move(young_);
      young_.clear();
    }
    return young_.insert_or_assign(key, std::move(value)).first->second;
  }

 private:
  using Map = std::unordered_map<Key, Value, Hash>;
  size_t most_;
  Map young_, old_;
};

struct PeerHash {
  uint64_t seed;
  size_t operator()(const PeerAddress& peer) const { return size_t(peer.hashWithPort(seed)); }
};

/// A datagram for a name that is being looked up.
struct HeldDatagram {
  std::string name;
  uint16_t port;
  std::vector<uint8_t> payload;
};

struct Association {
  static constexpr size_t mostContacts = 2'048, mostNames = 128;
  static constexpr size_t mostHeld = 16, mostHeldBytes = 65'536;
  static constexpr uint64_t nameMs = 30'000;

  struct Name {
    PeerAddress address;   // without a port; family 0: it is being looked up, or has none that may be reached
    bool known = false;
    uint64_t untilMs = 0;
  };

  explicit Association(uint64_t seed) : contacts(mostContacts, PeerHash{seed}), names(mostNames) {}

  Fd inside;
  std::array<Fd, 2> outside;  // IPv4, IPv6; opened when they are needed
  std::array<uint32_t, 3> overflow{};  // what SO_RXQ_OVFL said last, of each
  uint32_t clientScope = 0;   // the interface of a link-local client
  PeerAddress client;         // its port is 0 until its first datagram has come
  Recent<PeerAddress, bool, PeerHash> contacts;  // whether it may be reached
  Recent<std::string, Name> names;
  std::vector<HeldDatagram> held;
  size_t heldBytes = 0;
};

/// Where the datagrams of one call lie, each behind room for a header; made when the first is received.
class AssociationSlots {
 public:
  static constexpr unsigned most = 32;
  static constexpr size_t headroom = 64, bytes = 65'536;

  uint8_t* at(unsigned i) {
    if (!memory_) memory_.reset(new uint8_t[most * (headroom + bytes)]);
    return &memory_[i * (headroom + bytes) + headroom];
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
};

}  // namespace millrace
