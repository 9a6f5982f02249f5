#include "node/session_list.h"

namespace millrace {
namespace {

JsValue addressBytes(napi_env env, const PeerAddress& address) {
  return JsValue::of(env, std::span(reinterpret_cast<const uint8_t*>(&address), sizeof address));
}

const char* phaseName(Phase phase) {
  switch (phase) {
    case Phase::head: return "head";
    case Phase::resolving: return "resolving";
    case Phase::queued: return "queued";
    case Phase::connecting: return "connecting";
    case Phase::negotiating: return "negotiating";
    case Phase::relaying: return "relaying";
    case Phase::resetting: return "resetting";
    case Phase::lingering: return "lingering";
    case Phase::closed: return "closed";
  }
  return "";
}

/// Datagrams and bytes by direction and by what became of them, in the order of FlowTally.
JsValue countsOf(napi_env env, const SessionInfo& session) {
  const JsValue list = JsValue::array(env);
  uint32_t at = 0;
  for (const FlowTally& tally : session.tally) {
    const Tally pending{tally.pending.datagrams, tally.pending.bytes};
    for (const Tally& one : {tally.received, tally.produced, tally.sent, tally.consumed, tally.dropped, pending}) {
      list.set(at++, JsValue::of(env, double(one.datagrams)));
      list.set(at++, JsValue::of(env, double(one.bytes)));
    }
  }
  return list;
}

JsValue describe(napi_env env, const SessionInfo& session) {
  const JsValue it = JsValue::object(env);
  it.set("id", session.id);
  it.set("node", double(session.node));
  it.set("plan", double(session.plan));
  it.set("state", std::string(phaseName(session.phase)));
  it.set("downstream", addressBytes(env, session.downstream));
  it.set("upstream", addressBytes(env, session.upstream));
  it.set("bytesToUpstream", double(session.bytes[toUpstream]));
  it.set("bytesToDownstream", double(session.bytes[toDownstream]));
  it.set("pendingToUpstream", double(session.pending[toUpstream]));
  it.set("pendingToDownstream", double(session.pending[toDownstream]));
  it.set("ageMs", double(session.ageMs));
  it.set("idleMs", double(session.idleMs));
  it.set("kind", std::string(session.datagram ? "datagram" : "stream"));
  if (session.datagram) it.set("counts", countsOf(env, session));
  return it;
}

JsValue describe(napi_env env, const MemberInfo& member) {
  const JsValue it = JsValue::object(env);
  it.set("plan", double(member.plan));
  it.set("upstream", double(member.upstream));
  it.set("id", double(member.id));
  it.set("present", double(member.present));
  it.set("down", double(member.down));
  it.set("ejectedMs", double(member.ejectedMs));
  it.set("open", double(member.open));
  it.set("sessions", double(member.sessions));
  it.set("failed", double(member.failed));
  it.set("queued", double(member.queued));
  return it;
}

template <class Info>
JsValue describeAll(napi_env env, std::span<const Info> all) {
  const JsValue list = JsValue::array(env);
  for (uint32_t i = 0; i < all.size(); ++i) list.set(i, describe(env, all[i]));
  return list;
}

}  // namespace

JsValue describeMembers(napi_env env, std::span<const MemberInfo> members) { return describeAll(env, members); }

JsValue describeSessions(napi_env env, std::span<const SessionInfo> sessions) { return describeAll(env, sessions); }

}  // namespace millrace
