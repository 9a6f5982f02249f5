#include "node/relay_object.h"

#include "node/plan_reader.h"

namespace millrace {
namespace {

std::span<const uint8_t> bytesAt(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() <= index || !info[index].IsTypedArray()) return {};
  const auto bytes = info[index].As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

double numberAt(const Napi::CallbackInfo& info, size_t index) { return info[index].ToNumber().DoubleValue(); }

void throwSystemError(Napi::Env env, const SysError& error) {
  const std::string code = uv_err_name(-error.err);
  std::string message = std::string(error.syscall) + " " + code + (error.address.empty() ? "" : " " + error.address);
  auto object = Napi::Error::New(env, message);
  object.Set("code", code);
  object.Set("errno", double(-error.err));
  object.Set("syscall", error.syscall);
  if (!error.address.empty()) {
    object.Set("address", error.address);
    object.Set("port", double(error.port));
  }
  object.ThrowAsJavaScriptException();
}

Napi::Value addressBytes(Napi::Env env, const PeerAddress& address) {
  auto bytes = Napi::Uint8Array::New(env, sizeof address);
  std::memcpy(bytes.Data(), &address, sizeof address);
  return bytes;
}

const char* phaseName(Phase phase) {
  switch (phase) {
    case Phase::head: return "head";
    case Phase::resolving: return "resolving";
    case Phase::connecting: return "connecting";
    case Phase::relaying: return "relaying";
    case Phase::resetting: return "resetting";
    case Phase::lingering: return "lingering";
    case Phase::closed: return "closed";
  }
  return "";
}

Napi::Value describe(Napi::Env env, const SessionInfo& session) {
  auto it = Napi::Object::New(env);
  it.Set("id", session.id);
  it.Set("node", session.node);
  it.Set("plan", session.plan);
  it.Set("state", phaseName(session.phase));
  it.Set("downstream", addressBytes(env, session.downstream));
  it.Set("upstream", addressBytes(env, session.upstream));
  it.Set("bytesToUpstream", double(session.bytes[toUpstream]));
  it.Set("bytesToDownstream", double(session.bytes[toDownstream]));
  it.Set("pendingToUpstream", double(session.pending[toUpstream]));
  it.Set("pendingToDownstream", double(session.pending[toDownstream]));
  it.Set("ageMs", double(session.ageMs));
  it.Set("idleMs", double(session.idleMs));
  return it;
}

}  // namespace

Napi::Function RelayObject::define(Napi::Env env) {
  return DefineClass(env, "Relay", {
    InstanceMethod<&RelayObject::start>("start"),
    InstanceMethod<&RelayObject::addresses>("addresses"),
    InstanceMethod<&RelayObject::readCounters>("readCounters"),
    InstanceMethod<&RelayObject::sessions>("sessions"),
    InstanceMethod<&RelayObject::setUpstream>("setUpstream"),
    InstanceMethod<&RelayObject::close>("close"),
    InstanceMethod<&RelayObject::endSession>("endSession"),
    InstanceMethod<&RelayObject::answerHead>("answerHead"),
    InstanceMethod<&RelayObject::write>("write"),
    InstanceMethod<&RelayObject::endWrite>("endWrite"),
    InstanceMethod<&RelayObject::pause>("pause"),
    InstanceMethod<&RelayObject::resume>("resume"),
  });
}

RelayObject::RelayObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RelayObject>(info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  EngineConfig config;
  config.options.wantEvents = options.Get("wantEvents").ToBoolean();
  config.options.maxPendingBytes = size_t(options.Get("maxPendingBytes").ToNumber().Int64Value());
  config.options.lingerMs = uint64_t(options.Get("lingerMs").ToNumber().Int64Value());
  const auto plans = options.Get("plans").As<Napi::Array>();
  for (uint32_t i = 0; i < plans.Length(); ++i) {
    auto plan = readPlan(plans.Get(i).As<Napi::Object>());
    if (!plan) return;
    config.plans.push_back(std::move(*plan));
  }
  const size_t planCount = config.plans.size();
  js_ = std::make_unique<JsCall>(options.Get("onRecords").As<Napi::Function>(), options.Get("records").As<Napi::ArrayBuffer>(),
                                 options.Get("arena").As<Napi::ArrayBuffer>());
  config.arena = js_->arena();
  config.cross = [this](std::span<Record> records) { (*js_)(records); };
  config.finished = [this] { shutDown(); };
  uv_loop_t* uv = nullptr;
  napi_get_uv_event_loop(env, &uv);
  auto driver = options.Get("ownThread").ToBoolean() ? makeThreadDriver(uv, std::move(config), &engine_)
                                                     : makeEmbeddedDriver(uv, std::move(config), &engine_);
  if (!driver) {
    throwSystemError(env, driver.error());
    return;
  }
  driver_ = std::move(*driver);
  for (const auto& listener : engine_->listeners()) bound_.push_back({listener->plan, listener->bound()});
  lastCounters_.resize(planCount);
}

RelayObject::~RelayObject() {
  if (cleanup_) napi_remove_async_cleanup_hook(cleanup_);
}

void RelayObject::start(const Napi::CallbackInfo& info) {
  if (!live() || started_) return;
  if (const int error = driver_->start()) return throwSystemError(info.Env(), {-error, "uv_poll_init", "", 0});
  started_ = true;
  Ref();
  napi_add_async_cleanup_hook(info.Env(), [](napi_async_cleanup_hook_handle, void* self) {
    auto* relay = static_cast<RelayObject*>(self);
    relay->js_->silence();
    relay->shutDown();
  }, this, &cleanup_);
}

void RelayObject::shutDown() {
  if (stopping_) return;
  stopping_ = true;
  if (!engine_->closed()) js_->silence();
  engine_->publishLedgers();
  for (size_t i = 0; i < lastCounters_.size(); ++i) lastCounters_[i] = engine_->readLedger(i);
  driver_->stop([this] { stopped(); });
}

void RelayObject::stopped() {
  engine_ = nullptr;
  driver_.reset();  // with the loop's descriptors: this object may stay, for its ledger, as long as JS likes
  if (cleanup_) napi_remove_async_cleanup_hook(std::exchange(cleanup_, nullptr));
  const Napi::HandleScope scope(Env());
  Unref();
}

Napi::Value RelayObject::addresses(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto list = Napi::Array::New(env);
  for (const Bound& bound : bound_) {
    auto it = Napi::Object::New(env);
    it.Set("plan", bound.plan);
    it.Set("net", bound.address.isUnix() ? "unix" : "tcp");
    it.Set("address", bound.address.host());
    it.Set("port", bound.address.port());
    it.Set("family", bound.address.isUnix() ? "unix" : bound.address.family() == AF_INET6 ? "IPv6" : "IPv4");
    list.Set(list.Length(), it);
  }
  return list;
}

void RelayObject::readCounters(const Napi::CallbackInfo& info) {
  auto into = info[0].As<Napi::Float64Array>();
  if (live() && driver_->embedded()) engine_->publishLedgers();
  for (size_t plan = 0; plan < lastCounters_.size(); ++plan) {
    const CounterValues values = live() ? engine_->readLedger(plan) : lastCounters_[plan];
    for (size_t i = 0; i < counterCount && plan * counterCount + i < into.ElementLength(); ++i) into[plan * counterCount + i] = double(values[i]);
  }
}

void RelayObject::sessions(const Napi::CallbackInfo& info) {
  if (!live()) return;
  auto list = std::make_shared<std::vector<SessionInfo>>();
  auto done = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[0].As<Napi::Function>()));
  driver_->query([list](Engine& engine) { *list = engine.sessions(); }, [this, list, done] {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    auto array = Napi::Array::New(env, list->size());
    for (uint32_t i = 0; i < list->size(); ++i) array.Set(i, describe(env, (*list)[i]));
    JsCall::call(env, js_->context(), done->Value(), {array});
  });
}

void RelayObject::setUpstream(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const uint32_t plan = info[0].ToNumber();
  const uint32_t upstream = info[1].ToNumber();
  driver_->run([plan, upstream, list = readAddresses(info[2].As<Napi::Array>())](Engine& engine) { engine.setUpstream(plan, upstream, list); });
}

void RelayObject::close(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const auto drainMs = uint64_t(numberAt(info, 0));
  driver_->run([drainMs](Engine& engine) { engine.close(drainMs); });
}

void RelayObject::endSession(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const double id = numberAt(info, 0);
  const auto how = EndHow(info[1].ToNumber().Uint32Value());
  const auto reply = bytesAt(info, 2);
  if (driver_->embedded()) return driver_->run([&](Engine& engine) { engine.endById(id, how, reply); });
  driver_->run([id, how](Engine& engine) { engine.endById(id, how, {}); });
}

// What follows concerns sessions of JS nodes, so the driver is embedded and the command runs before run() returns.

void RelayObject::answerHead(const Napi::CallbackInfo& info) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) {
    engine.answerHead(numberAt(info, 0), info[1].ToNumber(), info[2].ToNumber(), size_t(numberAt(info, 3)), bytesAt(info, 4));
  });
}

Napi::Value RelayObject::write(const Napi::CallbackInfo& info) {
  double pending = -1;
  if (live() && driver_->embedded()) {
    driver_->run([&](Engine& engine) { pending = engine.write(numberAt(info, 0), info[1].ToNumber().Uint32Value() & 1, bytesAt(info, 2)); });
  }
  return Napi::Number::New(info.Env(), pending);
}

void RelayObject::endWrite(const Napi::CallbackInfo& info) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) { engine.endWrite(numberAt(info, 0)); });
}

void RelayObject::setPaused(const Napi::CallbackInfo& info, bool paused) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) { engine.setPaused(numberAt(info, 0), paused); });
}

void RelayObject::pause(const Napi::CallbackInfo& info) { setPaused(info, true); }
void RelayObject::resume(const Napi::CallbackInfo& info) { setPaused(info, false); }

}  // namespace millrace
