// How a direction between two sockets moves its bytes: copied through the hot buffer, or spliced through a pipe, which costs a third of
// it for bulk and a tenth more for small messages (internal). Pure.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace {

enum class Transport : uint8_t { automatic, copy, splice };

/// One direction's choice, by the size of its last reads.
class TransportChoice {
 public:
  bool splices(Transport asked) const { return !refused_ && (asked == Transport::splice || (asked == Transport::automatic && splicing_)); }

  void noteRead(size_t bytes) {
    const bool supports = splicing_ ? bytes < shortRead : bytes >= fullRead;
    streak_ = supports ? streak_ + 1 : 0;
    if (streak_ < (splicing_ ? shortReads : fullReads)) return;
    splicing_ = !splicing_;
    streak_ = 0;
  }

  /// What it was like says nothing about what comes.
  void forget() { splicing_ = false, streak_ = 0; }

  /// The kernel does not splice between these two.
  void refuse() { refused_ = true; }

 private:
  static constexpr size_t fullRead = 64 * 1024;
  static constexpr size_t shortRead = 32 * 1024;
  static constexpr unsigned fullReads = 3;
  static constexpr unsigned shortReads = 2;
  bool splicing_ : 1 = false;
  bool refused_ : 1 = false;
  uint8_t streak_ : 2 = 0;
};

}  // namespace millrace
