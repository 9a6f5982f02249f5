#include "relay/verdicts.h"

#include "relay/ending.h"
#include "relay/interest.h"
#include "relay/pair.h"
#include "relay/pump.h"
#include "relay/walk.h"

namespace millrace {
namespace {

void applyHead(Context& c, const Record& record) {
  Session* s = c.findById(record.session);
  if (!s || s->phase != Phase::head || !s->head || !s->head->verdictDue || s->node != uint32_t(record.node)) return;
  switch (Verdict(int(record.verdict))) {
    case Verdict::pass: headAnswered(c, *s, 0, 0, {}); break;
    case Verdict::more: headNeedsMore(c, *s); break;
    case Verdict::later:
    case Verdict::answered: return;
  }
  settle(c, *s);
}

void applyBytes(Context& c, const Record& record) {
  const auto direction = unsigned(record.value);
  const auto length = uint64_t(record.length);
  ByteCounts& counts = c.countersOf(uint16_t(record.listener / 65536)).bytes[direction];
  counts.pending -= length;
  const bool chunk = RecordKind(int(record.kind)) == RecordKind::chunk;
  if (chunk) c.crossingBytes -= BlockPool::whole(length);
  const bool pass = chunk && Verdict(int(record.verdict)) == Verdict::pass;
  Session* s = c.findById(record.session);
  if (!pass) counts.consumed += length;
  else if (!s) counts.dropped += length;
  if (!s || !chunk) return;
  --s->pumps[direction].crossing;
  if (pass) relayBytes(c, *s, direction, c.outbox.bytes(size_t(record.offset), size_t(length)));
  // An end may have been waiting for this chunk.
  const unsigned ends = s->sides[1].fd ? direction : unsigned{toDownstream};
  if (s->settled(ends)) pumpDrained(c, *s, ends);
  lingerOn(c, *s);
  settle(c, *s);
}

}  // namespace

void applyVerdicts(Context& c, std::span<const Record> records) {
  for (const Record& record : records) {
    switch (RecordKind(int(record.kind))) {
      case RecordKind::head: applyHead(c, record); break;
      case RecordKind::chunk:
      case RecordKind::data: applyBytes(c, record); break;
      default: break;
    }
  }
}

}  // namespace millrace
