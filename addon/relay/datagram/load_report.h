// LoadReport: what a generator has measured, readable from any thread (internal). The loop's thread publishes; a reader may see figures of two
// moments side by side, which is good enough for figures that move. LatencyHistogram: latencies in buckets 1/16 of an octave wide.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace millrace {

enum LoadNumber : size_t {
  isGenerator, loadSent, loadReceived, loadLost, loadReordered, loadDuplicated, loadSendFailures, loadSeconds, loadP50, loadP90, loadP99, loadP999, loadMax,
  loadFinished, loadNumbers,
};

using LoadReport = std::array<std::atomic<double>, loadNumbers>;

class LatencyHistogram {
 public:
  void add(uint64_t ns, uint64_t count) {
    buckets_[bucketOf(ns)] += count;
    total_ += count;
    if (ns > max_) max_ = ns;
  }
  /// In microseconds, of the middle of the bucket, but no more than the largest; 0 where nothing was measured.
  double quantile(double q) const {
    const auto wanted = uint64_t(q * double(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return std::min((double(lowest(i)) + double(lowest(i + 1))) / 2000, maxUs());
    }
    return double(max_) / 1000;
  }
  double maxUs() const { return double(max_) / 1000; }

 private:
  static constexpr int sub = 4;  // bits within an octave
  static size_t bucketOf(uint64_t ns) {
    if (ns < 1u << sub) return size_t(ns);
    const int shift = int(std::bit_width(ns)) - 1 - sub;
    return std::min<size_t>((size_t(shift) + 1) << sub | (ns >> shift & ((1u << sub) - 1)), 1023);
  }
  static uint64_t lowest(size_t bucket) {
    const size_t octave = bucket >> sub;
    return octave == 0 ? bucket : ((uint64_t(1) << sub) | (bucket & ((1u << sub) - 1))) << (octave - 1);
  }

  std::array<uint64_t, 1024> buckets_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace millrace
