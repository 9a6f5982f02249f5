// Longer than 250 lines: one generator, from its first datagram to its report.
#include "relay/datagram/generator.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"

namespace millrace {
namespace {

constexpr uint32_t batch = 64;
constexpr uint32_t stampBytes = 12;
constexpr uint64_t patienceNs = 200'000'000;
constexpr uint64_t lastPatienceNs = 2'000'000'000;  // at the end, with whom has answered so far and owes answers yet
constexpr uint64_t mostPatienceNs = 10'000'000'000;  // with whom does not end sending
constexpr uint64_t publishEveryNs = 50'000'000;
constexpr uint32_t mostATick = 1024;  // datagrams, so that replies are read in between

struct Stamp {
  uint64_t sentNs;
  uint32_t number;
};

}  // namespace

Generator::Generator(FlowContext& f, uint16_t plan, uint32_t index)
    : f_(f), plan_(plan), index_(index), options_(*f.c.plans[plan]->plan.generate), trains_(options_.gso), payload_(size_t(batch) * std::max(options_.sizeBytes, 1u), 0x6d) {
  fire = [](LoopTimer& timer) { static_cast<Generator&>(timer).tick(); };
  report[isGenerator] = 1;
}

std::optional<SysError> Generator::open() {
  Plan& plan = f_.c.plans[plan_]->plan;
  Node& node = plan.nodes[0];
  const Upstream& upstream = plan.upstreams[node.forward.upstream];
  if (upstream.addresses.empty()) return std::nullopt;  // a name: when it is known
  SocketAddress to = upstream.addresses[0];
  sources_.resize(options_.flows);
  for (uint32_t i = 0; i < options_.flows; ++i) {
    DatagramSocket socket;
    to.setPort(uint16_t(upstream.addresses[0].port() + i % upstream.ports));
    const int error = openConnected(socket, to, node.forward.sources, f_.now());
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
  over_ = true;
  sources_.clear();
}

bool Generator::drained(bool late) {
  if (late || !running_) stop();
  endNs_ = std::min(endNs_, sys::nowNs());
  return over_;
}

void Generator::upstreamKnown() {
  if (startNs_ != 0 || over_ || f_.closing) return;
  const auto error = open();
  if (!error) return start();
  over_ = true;
  f_.c.outbox.push(noticeOf(Notice::generated, error->err, plan_, 0));
}

void Generator::tick() {
  const uint64_t now = sys::nowNs();
  if (now >= publishNs_) {
    publishNs_ = now + publishEveryNs;
    publish(now, false);
  }
  if (sending_ && now >= endNs_) {
    sending_ = false;
    quietNs_ = now;
    giveUpNs_ = now + mostPatienceNs;
  }
  if (!sending_) {
    const bool owes = received_ > 0 && received_ - duplicated_ < sent_;
    if (now >= std::min(quietNs_ + (owes ? lastPatienceNs : patienceNs), giveUpNs_)) return finish();
    return f_.c.loop.timers().arm(*this, f_.now() + 10);
  }
  if (options_.window && now >= checkNs_) {
    checkNs_ = now + patienceNs / 4;
    for (Source& source : sources_) {
      if (now - source.lastNs >= patienceNs) lost_ += std::exchange(source.outstanding, 0);
    }
  }
  const bool behind = sendDue(now);
  const uint64_t pauseMs = options_.ratePerSecond || !options_.window ? 1 : 20;
  f_.c.loop.timers().arm(*this, behind ? f_.now() : f_.now() + pauseMs);
}

// A batch at most each, and at a low rate one datagram each, so that flows are served evenly; true where more is due than one tick may send.
bool Generator::sendDue(uint64_t now) {
  uint64_t due = UINT64_MAX;
  if (options_.ratePerSecond) {
    const auto whole = uint64_t(double(now - startNs_) / 1e9 * double(options_.ratePerSecond));
    const uint64_t done = sent_ + failures_;
    due = whole > done ? whole - done : 0;
  }
  uint64_t left = std::min<uint64_t>(due, mostATick);
  const uint64_t share = std::clamp<uint64_t>(left / sources_.size(), 1, batch);
  size_t idle = 0;
  while (left > 0 && idle < sources_.size()) {
    Source& source = sources_[turnOf_++ % sources_.size()];
    const uint64_t room = options_.window ? options_.window - std::min(source.outstanding, options_.window) : batch;
    const auto wanted = uint32_t(std::min({share, left, room}));
    const uint32_t sent = wanted ? send(source, wanted, now) : 0;
    idle = sent == 0 ? idle + 1 : 0;
    left -= sent;
  }
  return left == 0 && due > 0;
}

uint32_t Generator::send(Source& source, uint32_t wanted, uint64_t now) {
  const uint32_t size = options_.sizeBytes;
  uint32_t count = std::min(wanted, batch);
  if (trains_ && size > 0) count = std::min(count, std::max(Run::mostBytes / size, 1u));
  const bool train = trains_ && size > 0 && count > 1;
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
  int sent = train ? sendTrain(source, count) : sys::sendmmsg(source.fd.get(), headers, count);
  Counters& counters = f_.countersOf(plan_);
  if (train && (sent == -EIO || sent == -EINVAL || sent == -EMSGSIZE)) {
    trains_ = false;
    ++counters.segmentationFallbacks;
    sent = sys::sendmmsg(source.fd.get(), headers, count);
  }
  if (sent < 0 && !sys::wouldBlock(sent) && sent != -ENOBUFS) {
    // Most likely an ICMP error about an earlier datagram: once more.
    ++counters.icmpErrors;
    sent = sys::sendmmsg(source.fd.get(), headers, count);
  }
  if (sys::wouldBlock(sent) || sent == -ENOBUFS) return 0;  // later
  // Of a partial batch the rest is made again; what is refused twice is one that failed.
  const auto gone = uint32_t(std::max(sent, 0));
  const uint32_t failed = sent < 0 ? 1 : 0;
  counters.datagrams[toUpstream].produced += gone + failed;
  counters.bytes[toUpstream].produced += uint64_t(gone + failed) * size;
  counters.datagrams[toUpstream].sent += gone;
  counters.bytes[toUpstream].sent += uint64_t(gone) * size;
  if (failed) {
    const auto reason = size_t(sent == -EMSGSIZE ? DropReason::tooLarge : DropReason::unreachable);
    counters.datagrams[toUpstream].dropped[reason] += 1;
    counters.datagrams[toUpstream].droppedBytes[reason] += size;
    counters.bytes[toUpstream].dropped += size;
  }
  if (train && trains_ && gone > 1) ++counters.segmentedSends;
  source.nextNumber += gone;
  source.outstanding += gone;
  source.lastNs = now;
  sent_ += gone;
  failures_ += failed;
  return gone;
}

int Generator::sendTrain(Source& source, uint32_t count) {
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {};
  putSegment(control, options_.sizeBytes);
  iovec whole{payload_.data(), size_t(count) * options_.sizeBytes};
  const msghdr header{.msg_iov = &whole, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  const ssize_t sent = sys::sendmsg(source.fd.get(), header);
  return sent < 0 ? int(sent) : int(count);
}

void Generator::onReady(uint32_t flow, uint32_t) {
  if (flow >= sources_.size() || !running_) return;
  Source& source = sources_[flow];
  const auto mark = f_.receiver.mark();
  const int count = f_.receiver.receive(source.fd.get(), false);
  if (count < 0 && !sys::wouldBlock(count)) ++f_.countersOf(plan_).icmpErrors;
  if (count <= 0) return;
  const uint64_t now = sys::nowNs();
  Counters& counters = f_.countersOf(plan_);
  for (int i = 0; i < count; ++i) {
    const Received& it = f_.receiver[i];
    const uint32_t datagrams = datagramsIn(it.length, it.segment);
    counters.datagrams[toDownstream].received += datagrams;
    counters.datagrams[toDownstream].consumed += datagrams;
    counters.bytes[toDownstream].received += it.length;
    counters.bytes[toDownstream].consumed += it.length;
    eachDatagram(it.data, it.length, it.segment, [&](const uint8_t* data, uint32_t length) { take(source, data, length, now); });
  }
  source.lastNs = now;
  f_.receiver.rewind(mark);
  if (!options_.window || options_.ratePerSecond || now >= endNs_) return;
  for (uint32_t left = mostATick; left > 0 && source.outstanding < options_.window;) {
    const uint32_t sent = send(source, std::min(options_.window - source.outstanding, left), now);
    if (sent == 0) break;
    left -= sent;
  }
}

void Generator::take(Source& source, const uint8_t* data, uint32_t length, uint64_t now) {
  ++received_;
  if (source.outstanding > 0) --source.outstanding;
  if (length < stampBytes) {
    ++source.replies.unique;
    quietNs_ = now;
    return;
  }
  Stamp stamp;
  std::memcpy(&stamp.sentNs, data, 8);
  std::memcpy(&stamp.number, data + 8, 4);
  if (stamp.sentNs < startNs_ || stamp.sentNs > now) return;  // not one of ours
  latencies_.add(now - stamp.sentNs, 1);
  const auto kind = source.replies.add(stamp.number);
  if (kind != SequenceWindow::Kind::duplicate) quietNs_ = now;
  duplicated_ += kind == SequenceWindow::Kind::duplicate;
  reordered_ += kind == SequenceWindow::Kind::reordered;
}

void Generator::publish(uint64_t now, bool finished) {
  uint64_t unique = 0, expected = 0;
  for (const Source& source : sources_) {
    unique += source.replies.unique;
    expected += source.replies.expected;
  }
  const uint64_t missing = finished ? sent_ - std::min(sent_, unique) : options_.window ? lost_ : expected - std::min(expected, unique);
  const double numbers[loadNumbers] = {
      1, double(sent_), double(received_), double(missing), double(reordered_), double(duplicated_), double(failures_),
      startNs_ ? double(std::min(now, endNs_) - startNs_) / 1e9 : 0, latencies_.quantile(0.5), latencies_.quantile(0.9), latencies_.quantile(0.99),
      latencies_.quantile(0.999), latencies_.maxUs(), double(finished)};
  for (size_t i = 0; i < loadNumbers; ++i) report[i].store(numbers[i], std::memory_order_relaxed);
}

void Generator::finish() {
  stop();
  f_.c.outbox.push(noticeOf(Notice::generated, 0, plan_, 0));
}

}  // namespace millrace
