#include "relay/datagram/batch.h"

#include <algorithm>
#include <tuple>

#include "relay/datagram/egress.h"
#include "relay/datagram/flow_life.h"
#include "relay/datagram/intake.h"

namespace millrace {
namespace {

struct Shown {
  Flow* flow;
  const uint8_t* data;
  uint32_t length;
  uint8_t direction;
};

auto groupOf(const Crossing& crossing) { return std::tuple(crossing.flow->plan, crossing.flow->node, crossing.direction); }

void fill(FlowContext& f, const Crossing& crossing, std::vector<Shown>& shown) {
  const Flow& flow = *crossing.flow;
  const Message& m = crossing.message;
  eachDatagram(m.data, m.length, m.segment, [&](const uint8_t* data, uint32_t length) {
    f.shared.rows[shown.size()] = {int32_t(data - f.shared.arena.data()), int32_t(length), int32_t(flow.token.index), int32_t(flow.token.generation),
                                   int32_t(flow.node), int32_t(flow.plan) * 2 + crossing.direction, int32_t(RowVerdict::pass), flow.listener->endpoint,
                                   0, 0, 0, flow.downstream()};
    shown.push_back({crossing.flow, data, length, crossing.direction});
  });
  Counters& counters = f.countersOf(flow.plan);
  counters.datagrams[crossing.direction].crossed += m.count();
  counters.bytes[crossing.direction].crossed += m.length;
}

void produce(FlowContext& f, const Shown& row, unsigned direction, const uint8_t* data, uint32_t length) {
  countIn(f, *row.flow, direction, &FlowTally::produced, 1, length);
  passOn(f, *row.flow, direction, data, length, length);
}

/// The part of `out` that JS speaks of, cut to what there is.
std::span<const uint8_t> outBytes(FlowContext& f, int32_t offset, int32_t length) {
  const size_t at = std::min(size_t(std::max(offset, 0)), f.shared.out.size());
  return f.shared.out.subspan(at, std::min(size_t(std::max(length, 0)), f.shared.out.size() - at));
}

void dropRow(FlowContext& f, const Shown& row) {
  countDropped(f, row.flow->plan, row.flow, row.direction, DropReason::handler, 1, row.length);
}

void apply(FlowContext& f, const Shown& row, uint32_t place) {
  const DatagramRow& said = f.shared.rows[place];
  const auto consume = [&] { countOut(f, row.flow->plan, row.flow, row.direction, &FlowTally::consumed, 1, row.length); };
  switch (RowVerdict(said.verdict)) {
    case RowVerdict::pass:
      return passOn(f, *row.flow, row.direction, row.data, row.length, row.length);
    case RowVerdict::drop:
      return dropRow(f, row);
    case RowVerdict::replaced: {
      consume();
      const auto bytes = outBytes(f, said.outOffset, said.outLength);
      return produce(f, row, row.direction, bytes.data(), uint32_t(bytes.size()));
    }
    case RowVerdict::replacedLate:
      // The last that was given counts.
      for (auto late = f.late.rbegin(); late != f.late.rend(); ++late) {
        if (late->row != place || late->isReply) continue;
        consume();
        return produce(f, row, row.direction, late->bytes.data(), uint32_t(late->bytes.size()));
      }
      return dropRow(f, row);
    case RowVerdict::answered:
      return consume();
  }
  dropRow(f, row);
}

void reply(FlowContext& f, const Shown& row, std::span<const uint8_t> bytes) {
  if (f.nodeOf(*row.flow).forward.responses > 0) f.done.push_back(row.flow);  // it may have no other answer to wait for
  produce(f, row, 1u - row.direction, bytes.data(), uint32_t(bytes.size()));
}

void applyReplies(FlowContext& f, const std::vector<Shown>& shown) {
  const auto count = std::min(size_t(std::max(f.shared.replies[0].row, 0)), f.shared.replies.size() - 1);
  for (size_t i = 1; i <= count; ++i) {
    const DatagramReply& it = f.shared.replies[i];
    if (it.row < 0 || size_t(it.row) >= shown.size()) continue;
    if (it.area == 1) {
      reply(f, shown[size_t(it.row)], outBytes(f, it.offset, it.length));
    } else {
      const size_t at = std::min(size_t(std::max(it.offset, 0)), f.shared.arena.size());
      reply(f, shown[size_t(it.row)], f.shared.arena.subspan(at, std::min(size_t(std::max(it.length, 0)), f.shared.arena.size() - at)));
    }
  }
  for (const LateBytes& late : f.late) {
    if (late.isReply && late.row < shown.size()) reply(f, shown[late.row], late.bytes);
  }
}

}  // namespace

void keepLate(FlowContext& f, uint32_t row, bool isReply, std::span<const uint8_t> bytes) {
  f.late.push_back({row, isReply, {bytes.begin(), bytes.end()}});
}

void crossBatch(FlowContext& f, const std::function<bool(size_t)>& call) {
  if (f.crossings.empty()) return;
  std::vector<Crossing> crossings = std::exchange(f.crossings, {});
  const auto byGroup = [](const Crossing& a, const Crossing& b) { return groupOf(a) < groupOf(b); };
  if (!std::is_sorted(crossings.begin(), crossings.end(), byGroup)) std::stable_sort(crossings.begin(), crossings.end(), byGroup);
  std::vector<Shown> shown;
  for (size_t at = 0; at < crossings.size();) {
    shown.clear();
    while (at < crossings.size() && shown.size() + crossings[at].message.count() <= f.shared.rows.size()) fill(f, crossings[at++], shown);
    f.shared.replies[0].row = 0;
    f.late.clear();
    const bool decided = call(shown.size());
    f.c.loop.refreshClock();  // a handler may have taken its time
    for (uint32_t i = 0; i < shown.size(); ++i) {
      if (decided) apply(f, shown[i], i);
      else dropRow(f, shown[i]);
    }
    if (decided) applyReplies(f, shown);
    flushTurn(f);  // `out` is used again
  }
  f.late.clear();
  crossings.clear();
  f.crossings = std::move(crossings);
}

}  // namespace millrace
