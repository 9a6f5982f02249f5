#include "relay/datagram/answering.h"

#include "core/sys.h"
#include "relay/datagram/sending.h"

namespace millrace {

void answer(FlowContext& f, DatagramListener& listener, uint32_t sink, const Received& received, const PeerAddress& peer, std::span<const uint8_t> bytes) {
  const uint16_t plan = listener.plan;
  StunSink& stun = *f.c.plans[plan]->plan.nodes[sink].stun;
  const auto length = uint32_t(answerStun(stun.options(), bytes, peer, f.answers.bytes[f.answers.count]));
  if (length == 0) return countRefused(f, plan, toUpstream, DropReason::malformed, 1, bytes.size());
  if (!stun.affords(peer, f.now())) return countRefused(f, plan, toUpstream, DropReason::policy, 1, bytes.size());
  countIn(f, plan, nullptr, toUpstream, &FlowTally::received, 1, bytes.size());
  countOut(f, plan, nullptr, toUpstream, &FlowTally::consumed, 1, bytes.size());
  countIn(f, plan, nullptr, toDownstream, &FlowTally::produced, 1, length);
  f.answers.list[f.answers.count++] = {&received, length};
  if (f.answers.count == Answers::most) sendAnswers(f, listener);
}

void sendAnswers(FlowContext& f, DatagramListener& listener) {
  if (f.answers.count > 0) Sending{f, listener.socket, toDownstream}.send(f.answers, listener.plan);
}

void Sending::send(Answers& answers, uint16_t plan) {
  Runs& r = f.runs;
  static_assert(Answers::most <= Runs::most);
  for (size_t i = 0; i < answers.count; ++i) {
    const Answers::Answer& one = answers.list[i];
    r.vectors[i] = {answers.bytes[i].data(), one.length};
    msghdr& header = r.headers[i].msg_hdr;
    header.msg_iov = &r.vectors[i];
    header.msg_iovlen = 1;
    address(header, r.control[i], {one.to->name, one.to->nameLength}, one.to->local, one.to->scope(), 1, 0);
  }
  size_t at = 0;
  bool open = !socket.hasPending();
  while (at < answers.count && open) {
    const int sent = sys::sendmmsg(socket.fd.get(), &r.headers[at], unsigned(answers.count - at));
    for (int i = 0; i < sent; ++i, ++at) countSent(nullptr, plan, 1, answers.list[at].length);
    if (at == answers.count || sent > 0) continue;
    open = attempt(r.headers[at].msg_hdr, nullptr, plan, 1, answers.list[at].length) != Outcome::blocked;
    at += open;
  }
  for (; at < answers.count; ++at) {
    const Received& to = *answers.list[at].to;
    const PeerAddress peer = PeerAddress::from(reinterpret_cast<const sockaddr*>(to.name), to.nameLength);
    keep({nullptr, plan, peer, to.local, to.scope()}, answers.bytes[at].data(), answers.list[at].length);
  }
  answers.count = 0;
}

}  // namespace millrace
