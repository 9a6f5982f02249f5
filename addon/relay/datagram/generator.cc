#include "relay/datagram/generator.h"

#include <errno.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "core/sys.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace millrace {
namespace {

constexpr uint32_t batch = 64;
constexpr uint32_t stampBytes = 12;
constexpr uint64_t patienceNs = 200'000'000;
constexpr uint64_t publishEveryNs = 50'000'000;
constexpr uint32_t mostATurn = 1024;  // datagrams, so that replies are read in between

struct Stamp {
  uint64_t sentNs;
  uint32_t number;
};

}  // namespace

Generator::Generator(FlowContext& f, uint16_t plan, uint32_t index)
    : f_(f), plan_(plan), index_(index), options_(*f.c.plans[plan]->plan.generate), payload_(size_t(batch) * std::max(options_.sizeBytes, 1u), 0x6d) {
  fire = [](LoopTimer& timer) { static_cast<Generator&>(timer).tick(); };
  report[isGenerator] = 1;
}

std::optional<SysError> Generator::open() {
  const Plan& plan = f_.c.plans[plan_]->plan;
  const Node& node = plan.nodes[0];
  const Upstream& upstream = plan.upstreams[node.forward.upstream];
  if (upstream.addresses.empty()) return std::nullopt;  // a name: when it is known
  const SocketAddress& to = upstream.addresses[0];
  sources_.resize(options_.flows);
  for (uint32_t i = 0; i < options_.flows; ++i) {
    DatagramSocket socket;
    const int error = openConnected(socket, to, node.forward.source ? &*node.forward.source : nullptr);
    if (error < 0) {
      sources_.clear();
      return SysError{-error, "connect", to.host(), to.port()};
    }
    sys::setSendBuffer(socket.fd.get(), 2 * 1024 * 1024);
    sources_[i].fd = std::move(socket.fd);
  }
  return std::nullopt;
}

void Generator::start() {
  if (sources_.empty() || running_) return;
  running_ = sending_ = true;
  for (uint32_t i = 0; i < sources_.size(); ++i) {
    f_.c.loop.poller().add(sources_[i].fd.get(), EPOLLIN, {.token = {i, index_ + 1}, .kind = FlowContext::generatorKind});
  }
  startNs_ = sys::nowNs();
  endNs_ = options_.durationMs ? startNs_ + options_.durationMs * 1'000'000 : UINT64_MAX;
  f_.c.loop.timers().arm(*this, f_.now());
}

void Generator::stop() {
  f_.c.loop.timers().cancel(*this);
  if (running_) publish(sys::nowNs(), true);
  running_ = sending_ = false;
  sources_.clear();
}

void Generator::upstreamKnown() {
  if (!running_ && !open()) start();
}

void Generator::tick() {
  const uint64_t now = sys::nowNs();
  if (sending_ && now >= endNs_) sending_ = false;
  if (now >= publishNs_) {
    publishNs_ = now + publishEveryNs;
    publish(now, false);
  }
  if (!sending_) {
    if (now >= endNs_ + patienceNs) return finish(now);
    return f_.c.loop.timers().arm(*this, f_.now() + 10);
  }
  if (options_.window == 0) {
    paced(now);
    return f_.c.loop.timers().arm(*this, options_.ratePerSecond ? f_.now() + 1 : f_.now());
  }
  if (now < checkNs_) return f_.c.loop.timers().arm(*this, f_.now() + 5);
  checkNs_ = now + patienceNs / 4;
  for (Source& source : sources_) {
    if (source.outstanding > 0 && now - source.lastNs < patienceNs) continue;
    lost_ += std::exchange(source.outstanding, 0);
    refill(source, now);
  }
  f_.c.loop.timers().arm(*this, f_.now() + (options_.ratePerSecond ? 1 : 20));
}

void Generator::refill(Source& source, uint64_t now) {
  if (!sending_) return;
  uint64_t allowed = UINT64_MAX;
  if (options_.ratePerSecond) {
    const auto due = uint64_t(double(now - startNs_) / 1e9 * double(options_.ratePerSecond)) + 1;
    allowed = due > sent_ ? due - sent_ : 0;
  }
  while (source.outstanding < options_.window && allowed > 0) {
    const uint32_t sent = send(source, uint32_t(std::min<uint64_t>(options_.window - source.outstanding, allowed)), now);
    if (sent == 0) break;
    source.outstanding += sent;
    allowed -= sent;
  }
  if (allowed == 0) checkNs_ = 0;
}

void Generator::paced(uint64_t now) {
  uint64_t due = mostATurn;
  if (options_.ratePerSecond) {
    const auto whole = uint64_t(double(now - startNs_) / 1e9 * double(options_.ratePerSecond));
    const uint64_t done = sent_ + failures_;
    due = whole > done ? whole - done : 0;
  }
  for (size_t idle = 0; due > 0 && idle < sources_.size();) {
    Source& source = sources_[turnOf_++ % sources_.size()];
    // A batch at most each, and at a low rate one datagram each, so that flows are served evenly.
    const uint64_t share = std::max<uint64_t>(due / sources_.size(), 1);
    const uint64_t failed = failures_;
    const uint32_t sent = send(source, uint32_t(std::min<uint64_t>(share, batch)), now);
    due -= std::min<uint64_t>(due, sent + (failures_ - failed));
    idle = sent == 0 ? idle + 1 : 0;
  }
}

uint32_t Generator::send(Source& source, uint32_t wanted, uint64_t now) {
  const uint32_t size = options_.sizeBytes;
  uint32_t count = std::min(wanted, batch);
  const bool train = options_.gso && size > 0 && count > 1;
  if (train) count = std::min(count, std::max(Run::mostBytes / size, 1u));
  iovec vectors[batch];
  mmsghdr headers[batch];
  for (uint32_t i = 0; i < count; ++i) {
    uint8_t* at = payload_.data() + size_t(i) * size;
    if (size >= stampBytes) {
      const uint32_t number = source.nextNumber + i;
      std::memcpy(at, &now, 8);
      std::memcpy(at + 8, &number, 4);
    }
    vectors[i] = {at, size};
    headers[i] = {.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
  }
  int sent;
  if (train && count > 1) {
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {};
    const cmsghdr head{.cmsg_len = CMSG_LEN(sizeof(uint16_t)), .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT};
    const auto segment = uint16_t(size);
    std::memcpy(control, &head, sizeof head);
    std::memcpy(control + CMSG_LEN(0), &segment, sizeof segment);
    iovec whole{payload_.data(), size_t(count) * size};
    const msghdr header{.msg_iov = &whole, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    const ssize_t result = sys::sendmsg(source.fd.get(), header);
    sent = result < 0 ? int(result) : int(count);
  } else {
    sent = sys::sendmmsg(source.fd.get(), headers, count);
  }
  Counters& counters = f_.countersOf(plan_);
  const auto gone = uint32_t(std::max(sent, 0));
  const uint32_t failed = sent < 0 ? count : 0;  // of a partial batch the rest is tried again
  counters.datagrams[toUpstream].produced += gone + failed;
  counters.bytes[toUpstream].produced += uint64_t(gone + failed) * size;
  counters.datagrams[toUpstream].sent += gone;
  counters.bytes[toUpstream].sent += uint64_t(gone) * size;
  if (failed) {
    const bool full = sys::wouldBlock(sent) || sent == -ENOBUFS;
    const auto reason = full ? DropReason::sendBufferFull : sent == -EMSGSIZE ? DropReason::tooLarge : DropReason::unreachable;
    counters.datagrams[toUpstream].dropped[size_t(reason)] += failed;
    counters.datagrams[toUpstream].droppedBytes[size_t(reason)] += uint64_t(failed) * size;
    counters.bytes[toUpstream].dropped += uint64_t(failed) * size;
    if (!full) ++counters.icmpErrors;
  }
  if (train && gone > 1) ++counters.segmentedSends;
  source.nextNumber += gone;
  source.lastNs = now;
  sent_ += gone;
  failures_ += failed;
  return gone;
}

void Generator::onReady(uint32_t flow, uint32_t) {
  if (flow >= sources_.size() || !running_) return;
  Source& source = sources_[flow];
  f_.receiver.reset();  // nothing of it is kept
  const int count = f_.receiver.receive(source.fd.get(), DatagramReceiver::most, false);
  if (count < 0 && !sys::wouldBlock(count)) ++f_.countersOf(plan_).icmpErrors;
  if (count <= 0) return;
  const uint64_t now = sys::nowNs();
  Counters& counters = f_.countersOf(plan_);
  for (int i = 0; i < count; ++i) {
    const Received& it = f_.receiver[i];
    uint32_t at = 0;
    do {
      const uint32_t size = std::min(it.segment, it.length - at);
      take(source, it.data + at, size, now);
      ++counters.datagrams[toDownstream].received;
      ++counters.datagrams[toDownstream].consumed;
      counters.bytes[toDownstream].received += size;
      counters.bytes[toDownstream].consumed += size;
      at += size;
    } while (at < it.length);
  }
  source.lastNs = now;
  f_.receiver.reset();
  if (options_.window) refill(source, now);
}

void Generator::take(Source& source, const uint8_t* data, uint32_t length, uint64_t now) {
  ++received_;
  if (source.outstanding > 0) --source.outstanding;
  if (length < stampBytes) {
    ++source.unique;
    return;
  }
  Stamp stamp;
  std::memcpy(&stamp.sentNs, data, 8);
  std::memcpy(&stamp.number, data + 8, 4);
  if (stamp.sentNs < startNs_ || stamp.sentNs > now) return;  // not one of ours
  latencies_.add(now - stamp.sentNs, 1);
  const auto bit = [&](uint32_t number) -> std::pair<uint64_t&, uint64_t> { return {source.seen[number / 64 % 4], uint64_t(1) << number % 64}; };
  const int32_t ahead = int32_t(stamp.number - source.expected);
  if (ahead >= 0) {
    for (uint32_t n = ahead >= 256 ? stamp.number - 255 : source.expected; n != stamp.number; ++n) {
      const auto [word, mask] = bit(n);
      word &= ~mask;
    }
    source.expected = stamp.number + 1;
  } else if (ahead >= -256 && bit(stamp.number).first & bit(stamp.number).second) {
    ++duplicated_;
    return;
  } else {
    ++reordered_;
  }
  const auto [word, mask] = bit(stamp.number);
  word |= mask;
  ++source.unique;
}

void Generator::publish(uint64_t now, bool finished) {
  uint64_t unique = 0, expected = 0;
  for (const Source& source : sources_) {
    unique += source.unique;
    expected += source.expected;
  }
  const uint64_t missing = finished ? sent_ - std::min(sent_, unique) : options_.window ? lost_ : expected - std::min(expected, unique);
  const double numbers[loadNumbers] = {
      1, double(sent_), double(received_), double(missing), double(reordered_), double(duplicated_), double(failures_),
      startNs_ ? double(std::min(now, endNs_) - startNs_) / 1e9 : 0, latencies_.quantile(0.5), latencies_.quantile(0.9), latencies_.quantile(0.99),
      latencies_.quantile(0.999), latencies_.maxUs(), double(finished)};
  for (size_t i = 0; i < loadNumbers; ++i) report[i].store(numbers[i], std::memory_order_relaxed);
}

void Generator::finish(uint64_t now) {
  publish(now, true);
  running_ = false;
  sources_.clear();
  f_.c.outbox.push(noticeOf(Notice::generated, 0, plan_, 0));
}

}  // namespace millrace
