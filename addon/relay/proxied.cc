#include "relay/proxied.h"

#include <algorithm>

namespace millrace {

void noteProxied(Session& s, const Node& node, const ProxyHeader& header) {
  s.downstream = header.source;
  s.head->destination = header.destination;
  if (node.tellsJs) s.head->proxied.emplace(header.tlvs.begin(), header.tlvs.end());
}

bool tellProxied(Context& c, Session& s, size_t bytes) {
  if (!s.head || !s.head->proxied) return c.outbox.room().size() >= bytes;
  const auto& tlvs = *s.head->proxied;
  constexpr size_t padding = 8;  // between two of the outbox
  if (c.outbox.room().size() < tlvs.size() + padding + bytes) return false;
  Record r = c.record(RecordKind::proxied, s);
  r.upstream = s.head->destination;
  std::copy(tlvs.begin(), tlvs.end(), c.outbox.room().begin());
  r.offset = double(c.outbox.keep(tlvs.size()));
  r.length = double(tlvs.size());
  c.outbox.push(r);
  s.known = true;
  s.head->proxied.reset();
  return true;
}

bool tellProxiedTo(Context& c, Session& s, const Node& sink) {
  if (sink.op == Op::stream || sink.settings.transform[toUpstream] || sink.settings.transform[toDownstream]) return tellProxied(c, s, 0);
  if (s.head) s.head->proxied.reset();
  return true;
}

}  // namespace millrace
