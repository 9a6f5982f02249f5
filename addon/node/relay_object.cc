// Longer than 250 lines: one method of the JS object after another.
#include "node/relay_object.h"

#include "node/matcher_reader.h"
#include "node/plan_reader.h"
#include "node/session_list.h"
#include "node/system_error.h"
#include "node/upstream_reader.h"
#include "relay/control.h"
#include "relay/dial_asked.h"

namespace millrace {
namespace {

Transport transportOf(const std::string& name) {
  return name == "copy" ? Transport::copy : name == "splice" ? Transport::splice : Transport::automatic;
}

Sharing sharingOf(const std::string& name) {
  return name == "first" ? Sharing::first : name == "another" ? Sharing::another : Sharing::none;
}

}  // namespace

Napi::Function RelayObject::define(Napi::Env env) {
  return DefineClass(env, "Relay", {
    InstanceMethod<&RelayObject::start>("start"),
    InstanceMethod<&RelayObject::steer>("steer"),
    InstanceMethod<&RelayObject::addresses>("addresses"),
    InstanceMethod<&RelayObject::readCounters>("readCounters"),
    InstanceMethod<&RelayObject::sessions>("sessions"),
    InstanceMethod<&RelayObject::setUpstream>("setUpstream"),
    InstanceMethod<&RelayObject::answerLookup>("answerLookup"),
    InstanceMethod<&RelayObject::setNetworks>("setNetworks"),
    InstanceMethod<&RelayObject::setMembers>("setMembers"),
    InstanceMethod<&RelayObject::setHealth>("setHealth"),
    InstanceMethod<&RelayObject::members>("members"),
    InstanceMethod<&RelayObject::close>("close"),
    InstanceMethod<&RelayObject::endSession>("endSession"),
    InstanceMethod<&RelayObject::answerHead>("answerHead"),
    InstanceMethod<&RelayObject::write>("write"),
    InstanceMethod<&RelayObject::endWrite>("endWrite"),
    InstanceMethod<&RelayObject::pause>("pause"),
    InstanceMethod<&RelayObject::resume>("resume"),
    InstanceMethod<&RelayObject::keepDatagram>("keepDatagram"),
    InstanceMethod<&RelayObject::readLoad>("readLoad"),
  });
}

RelayObject::RelayObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RelayObject>(info) {
  const Napi::Env env = info.Env();
  const JsValue options = JsValue::argument(info, 0);
  EngineConfig config;
  config.options.wantEvents = options.get("wantEvents").boolean();
  config.options.maxPendingBytes = options.get("maxPendingBytes").whole();
  config.options.maxPipeBytes = options.get("maxPipeBytes").whole();
  config.options.lingerMs = options.get("lingerMs").whole();
  config.options.transport = transportOf(options.get("transport").text());
  config.options.ioUring = options.get("ioUring").boolean();
  config.options.sharing = sharingOf(options.get("sharing").text());
  if (options.get("draining").isObject()) {
    config.options.draining = reinterpret_cast<int32_t*>(options.get("draining").bytes().data());
    draining_ = std::make_unique<JsFunction>(env, options.get("draining"));
  }
  config.placement = {int(options.get("shard").number()), int(options.get("cpu").number())};
  const JsValue plans = options.get("plans");
  std::string why;
  for (uint32_t i = 0; i < plans.length(); ++i) {
    auto plan = readPlan(plans.at(i), why);
    if (!plan) {
      throwError(env, why);
      return;
    }
    config.plans.push_back(std::move(*plan));
  }
  const size_t planCount = config.plans.size();
  const JsValue first = options.get("first");
  shareLimits(config.plans, first.isObject() ? Unwrap(Napi::Object(env, first.raw())) : nullptr);
  js_ = JsCall::create(env, options);
  if (!js_) {
    throwError(env, "millrace: the addon was given no buffers");
    return;
  }
  if (options.get("datagrams").isObject()) {
    datagrams_ = DatagramCall::create(env, options.get("datagrams"));
    if (!datagrams_) {
      throwError(env, "millrace: the addon was given no buffers for datagrams");
      return;
    }
    config.datagrams = datagrams_->buffers();
    config.crossDatagrams = [this](size_t rows) { return (*datagrams_)(*js_, rows); };
  }
  config.arena = js_->arena();
  config.cross = [this](std::span<Record> records) { (*js_)(records); };
  onLookups_ = std::make_unique<JsFunction>(env, options.get("onLookups"));
  config.lookUp = [this](std::span<const Lookup> lookups) { lookUp(lookups); };
  config.finished = [this] { shutDown(); };
  uv_loop_t* uv = nullptr;
  napi_get_uv_event_loop(env, &uv);
  auto driver = options.get("ownThread").boolean() ? makeThreadDriver(uv, std::move(config), &engine_)
                                                     : makeEmbeddedDriver(uv, std::move(config), &engine_);
  if (!driver) {
    throwSystemError(env, driver.error());
    return;
  }
  driver_ = std::move(*driver);
  for (const auto& listener : engine_->listeners()) bound_.push_back({listener->plan, listener->endpoint, listener->bound(), 0});
  for (const auto& listener : engine_->datagrams().listeners()) {
    bound_.push_back({listener->plan, listener->endpoint, listener->bound, listener->receiveBufferBytes});
  }
  lastCounters_.resize(planCount);
  lastLoads_.resize(planCount);
}

RelayObject::~RelayObject() {
  if (cleanup_) napi_remove_async_cleanup_hook(cleanup_);
}

void RelayObject::start(const Napi::CallbackInfo& info) {
  if (!live() || started_) return;
  hold();
  engine_->datagrams().openDoors();  // not on the loop's thread: what is sent after this call is to be served
  const char* const call = driver_->embedded() ? "uv_poll_init" : "pthread_create";
  if (const int error = driver_->start()) {
    shutDown();  // the driver goes with it
    return throwSystemError(info.Env(), {-error, call, "", 0});
  }
  started_ = true;
}

void RelayObject::hold() {
  Ref();
  napi_add_async_cleanup_hook(Env(), [](napi_async_cleanup_hook_handle, void* self) {
    auto* relay = static_cast<RelayObject*>(self);
    relay->js_->silence();
    relay->shutDown();
  }, this, &cleanup_);
}

void RelayObject::shareLimits(std::vector<Plan>& plans, const RelayObject* first) {
  for (Plan& plan : plans) {
    for (Node& node : plan.nodes) {
      if (!node.limit) continue;
      if (first && limits_.size() < first->limits_.size()) node.limit = first->limits_[limits_.size()];
      limits_.push_back(node.limit);
    }
  }
}

void RelayObject::ask(JsValue done, Command command, std::function<JsValue()> answer) {
  // Where the loop ends first the question is dropped, and the reference with it.
  auto held = std::make_shared<JsFunction>(Env(), done);
  driver_->query(std::move(command), [this, held, answer = std::move(answer)] {
    const HandleScope scope(Env());
    napi_value function = held->get();
    if (!function) return;
    if (!answer) js_->call(function, {});
    else if (const JsValue told = answer()) js_->call(function, {told.raw()});
  });
}

void RelayObject::steer(const Napi::CallbackInfo& info) {
  if (!live() || started_) return;
  std::vector<uint32_t> cpus;
  const JsValue list = JsValue::argument(info, 0);
  for (uint32_t i = 0; i < list.length(); ++i) cpus.push_back(uint32_t(list.at(i).whole()));
  if (const auto error = engine_->steer(cpus)) throwSystemError(info.Env(), *error);
}

void RelayObject::shutDown() {
  if (stopping_) return;
  stopping_ = true;
  driver_->halt();
  if (!engine_->closed()) js_->silence();
  engine_->publishLedgers();
  for (size_t i = 0; i < lastCounters_.size(); ++i) {
    lastCounters_[i] = engine_->readLedger(i);
    engine_->datagrams().readLoad(i, lastLoads_[i]);
  }
  driver_->stop([this] { stopped(); });
}

void RelayObject::stopped() {
  engine_ = nullptr;
  driver_.reset();  // with the loop's descriptors: this object may stay, for its ledger, as long as JS likes
  if (cleanup_) napi_remove_async_cleanup_hook(std::exchange(cleanup_, nullptr));
  const HandleScope scope(Env());
  // What JS has given us refers to this object: held any longer, neither would ever be collected, nor the arena.
  onLookups_.reset();
  datagrams_.reset();
  js_.reset();
  Unref();
}

Napi::Value RelayObject::addresses(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JsValue list = JsValue::array(env);
  uint32_t count = 0;
  for (const Bound& bound : bound_) {
    const bool isUnix = bound.address.isUnix();
    const JsValue it = JsValue::object(env);
    it.set("plan", double(bound.plan));
    it.set("net", std::string(isUnix ? "unix" : bound.receiveBufferBytes ? "udp" : "tcp"));
    it.set("address", bound.address.host());
    it.set("port", double(bound.address.port()));
    it.set("family", std::string(isUnix ? "unix" : bound.address.family() == AF_INET6 ? "IPv6" : "IPv4"));
    if (bound.receiveBufferBytes) it.set("receiveBufferBytes", double(bound.receiveBufferBytes));
    list.set(count++, it);
  }
  return {env, list.raw()};
}

void RelayObject::readCounters(const Napi::CallbackInfo& info) {
  const auto memory = JsValue::argument(info, 0).bytes();
  const std::span into(reinterpret_cast<double*>(memory.data()), memory.size() / sizeof(double));
  if (live() && driver_->embedded()) engine_->publishLedgers();
  size_t at = 0;
  for (size_t plan = 0; plan < lastCounters_.size(); ++plan) {
    const CounterValues values = live() ? engine_->readLedger(plan) : lastCounters_[plan];
    for (size_t i = 0; i < counterCount && at < into.size(); ++i) into[at++] = double(values[i]);
  }
}

void RelayObject::sessions(const Napi::CallbackInfo& info) {
  if (!live()) return;
  auto list = std::make_shared<std::vector<SessionInfo>>();
  ask(JsValue::argument(info, 0), [list](Engine& engine) {
    *list = listSessions(engine.context());
    engine.datagrams().listFlows(*list);
  }, [this, list] { return describeSessions(Env(), *list); });
}

void RelayObject::setUpstream(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const auto plan = uint32_t(JsValue::argument(info, 0).whole());
  const auto upstream = uint32_t(JsValue::argument(info, 1).whole());
  driver_->run([plan, upstream, list = readAddresses(JsValue::argument(info, 2))](Engine& engine) { engine.setUpstream(plan, upstream, list); });
}

void RelayObject::lookUp(std::span<const Lookup> lookups) {
  const Napi::Env env = Env();
  const HandleScope scope(env);
  const JsValue list = JsValue::array(env);
  uint32_t at = 0;
  for (const Lookup& one : lookups) {
    const JsValue it = JsValue::object(env);
    it.set("session", one.session);
    it.set("name", one.name);
    list.set(at++, it);
  }
  if (napi_value function = onLookups_->get(); function && list) js_->call(function, {list.raw()});
}

void RelayObject::answerLookup(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const double id = JsValue::argument(info, 0).number();
  driver_->run([id, name = JsValue::argument(info, 1).text(), list = readAddresses(JsValue::argument(info, 2))](Engine& engine) { lookedUp(engine.context(), id, name, list); });
}

void RelayObject::setNetworks(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const auto plan = uint32_t(JsValue::argument(info, 0).whole());
  const auto file = uint32_t(JsValue::argument(info, 1).whole());
  std::string why;
  CidrSet networks;
  if (!readCidrs(JsValue::argument(info, 2), why, networks)) return throwError(info.Env(), why);
  ask(JsValue::argument(info, 3), [plan, file, networks = std::move(networks)](Engine& engine) { engine.setNetworks(plan, file, networks); });
}

void RelayObject::setMembers(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const auto plan = uint32_t(JsValue::argument(info, 0).whole());
  const auto upstream = uint32_t(JsValue::argument(info, 1).whole());
  driver_->run([plan, upstream, list = readMembers(JsValue::argument(info, 2))](Engine& engine) { engine.setMembers(plan, upstream, list); });
}

void RelayObject::setHealth(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const auto plan = uint32_t(JsValue::argument(info, 0).whole());
  const auto upstream = uint32_t(JsValue::argument(info, 1).whole());
  const auto member = uint32_t(JsValue::argument(info, 2).whole());
  ask(JsValue::argument(info, 4), [plan, upstream, member, down = JsValue::argument(info, 3).boolean()](Engine& engine) { engine.setHealth(plan, upstream, member, down); });
}

void RelayObject::members(const Napi::CallbackInfo& info) {
  if (!live()) return;
  auto list = std::make_shared<std::vector<MemberInfo>>();
  ask(JsValue::argument(info, 0), [list](Engine& engine) { *list = listMembers(engine.context()); }, [this, list] { return describeMembers(Env(), *list); });
}

void RelayObject::close(const Napi::CallbackInfo& info) {
  if (!live()) return;
  if (!started_) {
    hold();
    return shutDown();
  }
  const uint64_t drainMs = JsValue::argument(info, 0).whole();
  driver_->run([drainMs](Engine& engine) { engine.close(drainMs); });
}

void RelayObject::endSession(const Napi::CallbackInfo& info) {
  if (!live()) return;
  const double id = JsValue::argument(info, 0).number();
  const auto how = EndHow(JsValue::argument(info, 1).whole());
  const auto reply = JsValue::argument(info, 2).bytes();
  const auto end = [id, how](Engine& engine, std::span<const uint8_t> bytes) {
    if (!engine.datagrams().endById(id, how)) endById(engine.context(), id, how, bytes);
  };
  if (driver_->embedded()) return driver_->run([&](Engine& engine) { end(engine, reply); });
  driver_->run([end](Engine& engine) { end(engine, {}); });
}

// What follows concerns sessions of JS nodes, so the driver is embedded and the command runs before run() returns.

void RelayObject::answerHead(const Napi::CallbackInfo& info) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) {
    millrace::answerHead(engine.context(), JsValue::argument(info, 0).number(), uint32_t(JsValue::argument(info, 1).whole()), uint32_t(JsValue::argument(info, 2).whole()),
                      JsValue::argument(info, 3).whole(), JsValue::argument(info, 4).bytes());
  });
}

Napi::Value RelayObject::write(const Napi::CallbackInfo& info) {
  double pending = -1;
  if (live() && driver_->embedded()) {
    driver_->run([&](Engine& engine) {
      pending = millrace::write(engine.context(), JsValue::argument(info, 0).number(), JsValue::argument(info, 1).whole() & 1, JsValue::argument(info, 2).bytes());
    });
  }
  return {info.Env(), JsValue::of(info.Env(), pending).raw()};
}

void RelayObject::endWrite(const Napi::CallbackInfo& info) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) { millrace::endWrite(engine.context(), JsValue::argument(info, 0).number()); });
}

void RelayObject::setPaused(const Napi::CallbackInfo& info, bool paused) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) { millrace::setPaused(engine.context(), JsValue::argument(info, 0).number(), paused); });
}

void RelayObject::keepDatagram(const Napi::CallbackInfo& info) {
  if (!live() || !driver_->embedded()) return;
  driver_->run([&](Engine& engine) { engine.datagrams().keep(uint32_t(JsValue::argument(info, 0).whole()), JsValue::argument(info, 1).boolean(), JsValue::argument(info, 2).bytes()); });
}

void RelayObject::readLoad(const Napi::CallbackInfo& info) {
  const auto memory = JsValue::argument(info, 0).bytes();
  const std::span into(reinterpret_cast<double*>(memory.data()), memory.size() / sizeof(double));
  for (size_t plan = 0; plan < lastLoads_.size() && (plan + 1) * loadNumbers <= into.size(); ++plan) {
    if (live()) engine_->datagrams().readLoad(plan, lastLoads_[plan]);
    std::copy(lastLoads_[plan].begin(), lastLoads_[plan].end(), into.begin() + std::ptrdiff_t(plan * loadNumbers));
  }
}

void RelayObject::pause(const Napi::CallbackInfo& info) { setPaused(info, true); }
void RelayObject::resume(const Napi::CallbackInfo& info) { setPaused(info, false); }

}  // namespace millrace
