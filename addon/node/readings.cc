#include "node/readings.h"

#include "core/address.h"
#include "node/matcher_reader.h"
#include "node/system_error.h"
#include "stage/proxy_protocol.h"

namespace millrace {
namespace {

/// `state`, to which what has been read is added.
JsValue reading(napi_env env, const char* state) {
  JsValue it = JsValue::object(env);
  it.set("state", std::string(state));
  return it;
}

std::string textOf(const PeerAddress& peer) {
  const SocketAddress address = SocketAddress::of(peer);
  const std::string host = peer.family == 4 ? address.host() : "[" + address.host() + "]";
  return host + ":" + std::to_string(peer.portNumber());
}

class MatcherObject final : public Napi::ObjectWrap<MatcherObject> {
 public:
  static Napi::Function define(Napi::Env env) { return DefineClass(env, "Matcher", {InstanceMethod<&MatcherObject::match>("match")}); }

  explicit MatcherObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MatcherObject>(info) {
    std::string why;
    matcher_ = readMatcher(JsValue::argument(info, 0), why, {});
    if (!matcher_) throwError(info.Env(), why);
  }

 private:
  /// Of the bytes, whether no more will come, whether they are one whole datagram, and the address of whom they are from.
  Napi::Value match(const Napi::CallbackInfo& info) {
    SocketAddress from;
    SocketAddress::parseIp(JsValue::argument(info, 3).text(), 0, from);
    const PeerAddress peer = from.peer();
    const MatchInput input{peer, JsValue::argument(info, 0).bytes(), JsValue::argument(info, 1).boolean(), JsValue::argument(info, 2).boolean()};
    const char* answers[] = {"no", "yes", "more"};
    return {info.Env(), JsValue::of(info.Env(), std::string(answers[size_t(matcher_->match(input))])).raw()};
  }

  MatcherPtr matcher_;
};

Napi::Value clientHello(const Napi::CallbackInfo& info) {
  using State = ClientHello::State;
  const napi_env env = info.Env();
  char name[256], protocols[256];
  const ClientHello hello = readClientHello(JsValue::argument(info, 0).bytes(), name, protocols);
  if (hello.state == State::more) return {env, reading(env, "more").raw()};
  if (hello.state == State::notTls) return {env, reading(env, "none").raw()};
  if (hello.state == State::malformed || hello.state == State::badSni) return {env, reading(env, "malformed").raw()};
  JsValue it = reading(env, "read");
  if (hello.state == State::sni) it.set("serverName", std::string(hello.name));
  JsValue list = JsValue::array(env);
  uint32_t count = 0;
  for (size_t at = 0; at < hello.protocols.size(); at += 1 + uint8_t(hello.protocols[at])) {
    list.set(count++, JsValue::of(env, std::string(hello.protocols.substr(at + 1, uint8_t(hello.protocols[at])))));
  }
  it.set("protocols", list);
  return {env, it.raw()};
}

Napi::Value httpRequest(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  const auto head = JsValue::argument(info, 0).bytes();
  char buffer[256];
  const HttpHost host = readHttpHost(head, buffer);
  if (host.state == HttpState::more) return {env, reading(env, "more").raw()};
  if (host.state == HttpState::notHttp) return {env, reading(env, "none").raw()};
  if (host.state == HttpState::malformed) return {env, reading(env, "malformed").raw()};
  JsValue it = reading(env, "read");
  it.set("version", host.state == HttpState::http2 ? 2.0 : 1.0);
  if (host.state == HttpState::http2) return {env, it.raw()};
  const HttpRequestLine line = readHttpRequestLine(head);
  it.set("method", std::string(line.method));
  it.set("target", std::string(line.target));
  it.set("path", std::string(line.path()));
  if (!host.name.empty()) it.set("host", std::string(host.name));
  return {env, it.raw()};
}

Napi::Value proxyHeader(const Napi::CallbackInfo& info) {
  using State = ProxyHeader::State;
  const napi_env env = info.Env();
  const ProxyHeader header = readProxyHeader(JsValue::argument(info, 0).bytes());
  if (header.state == State::more) return {env, reading(env, "more").raw()};
  if (header.state == State::none) return {env, reading(env, "none").raw()};
  if (header.state == State::invalid) return {env, reading(env, "malformed").raw()};
  JsValue it = reading(env, "read");
  it.set("bytes", double(header.bytes));
  if (header.state == State::proxied) {
    it.set("source", textOf(header.source));
    it.set("destination", textOf(header.destination));
  }
  return {env, it.raw()};
}

}  // namespace

void exportReadings(Napi::Env env, Napi::Object exports) {
  exports.Set("Matcher", MatcherObject::define(env));
  exports.Set("readClientHello", Napi::Function::New<clientHello>(env));
  exports.Set("readHttpRequest", Napi::Function::New<httpRequest>(env));
  exports.Set("readProxyHeader", Napi::Function::New<proxyHeader>(env));
}

}  // namespace millrace
