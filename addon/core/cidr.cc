#include "core/cidr.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

// Decimal without sign or leading zero; false above `most`.
bool parsePrefix(std::string_view text, unsigned most, uint8_t& out) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return false;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > most) return false;
  out = static_cast<uint8_t>(value);
  return true;
}

template <class T>
T bigEndian(const uint8_t* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | bytes[i]);
  return value;
}

// The bits after the prefix, all ones.
template <class T>
T hostBits(unsigned prefix) {
  return prefix == 0 ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << (sizeof(T) * 8 - prefix)) - 1);
}

}  // namespace

bool CidrSet::parse(std::string_view text, Cidr& out) {
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  char terminated[INET6_ADDRSTRLEN];
  if (address.size() >= sizeof terminated || address.find('\0') != std::string_view::npos) return false;
  std::memcpy(terminated, address.data(), address.size());
  terminated[address.size()] = '\0';

  Cidr cidr;
  if (inet_pton(AF_INET, terminated, cidr.ip) == 1) {
    cidr.family = 4;
  } else if (inet_pton(AF_INET6, terminated, cidr.ip) == 1) {
    cidr.family = 6;
  } else {
    return false;
  }
  const unsigned bits = cidr.family == 4 ? 32 : 128;
  cidr.prefix = static_cast<uint8_t>(bits);
  if (slash != std::string_view::npos && !parsePrefix(text.substr(slash + 1), bits, cidr.prefix)) return false;

  in6_addr mapped;
  std::memcpy(&mapped, cidr.ip, sizeof mapped);
  if (cidr.family == 6 && cidr.prefix >= 96 && IN6_IS_ADDR_V4MAPPED(&mapped)) {
    const uint8_t* v4 = mapped.s6_addr + 12;
    cidr = Cidr{4, static_cast<uint8_t>(cidr.prefix - 96), {v4[0], v4[1], v4[2], v4[3]}};
  }
  out = cidr;
  return true;
}

void CidrSet::add(const Cidr& cidr) {
  assert((cidr.family == 4 && cidr.prefix <= 32) || (cidr.family == 6 && cidr.prefix <= 128));
  if (cidr.family == 4) {
    const auto rest = hostBits<uint32_t>(cidr.prefix);
    const auto ip = bigEndian<uint32_t>(cidr.ip);
    v4_.push_back({ip & ~rest, ip | rest});
  } else {
    const auto rest = hostBits<Wide>(cidr.prefix);
    const auto ip = bigEndian<Wide>(cidr.ip);
    v6_.push_back({ip & ~rest, ip | rest});
  }
  sealed_ = false;
}

template <class T>
void CidrSet::merge(std::vector<Range<T>>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range<T>& a, const Range<T>& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const Range<T> range : ranges) {
    Range<T>* last = kept > 0 ? &ranges[kept - 1] : nullptr;
    if (last != nullptr && (range.first <= last->last || range.first == last->last + 1)) {
      last->last = std::max(last->last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  ranges.shrink_to_fit();
}

void CidrSet::seal() {
  merge(v4_);
  merge(v6_);
  sealed_ = true;
}

template <class T>
bool CidrSet::find(const std::vector<Range<T>>& ranges, T value) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), value,
                                      [](T wanted, const Range<T>& range) { return wanted < range.first; });
  return after != ranges.begin() && value <= (after - 1)->last;
}

bool CidrSet::contains(const PeerAddress& peer) const {
  assert(sealed_);
  if (peer.family == 4) return find(v4_, bigEndian<uint32_t>(peer.ip));
  if (peer.family == 6) return find(v6_, bigEndian<Wide>(peer.ip));
  return false;
}

}  // namespace millrace
