#include "relay/acceptor.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>

namespace millrace {
namespace {

constexpr int acceptBudget = 64;
constexpr uint64_t firstPauseMs = 10;
constexpr uint64_t longestPauseMs = 100;

}  // namespace

Acceptor::Acceptor(Context& context, Arrivals& arrivals)
    : context_(context), arrivals_(arrivals), reserve_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  context_.loop.handle(Context::listenerKind, this);
}

std::optional<SysError> Acceptor::open() {
  for (size_t p = 0; p < context_.plans.size(); ++p) {
    const Plan& plan = context_.plans[p]->plan;
    if (plan.datagram) continue;
    for (size_t e = 0; e < plan.listen.size(); ++e) {
      auto opened = Listener::open(plan.listen[e].address, plan, context_.options.sharing, context_.paces);
      if (!opened) {
        listeners_.clear();
        return opened.error();
      }
      Listener& listener = **opened;
      listener.acceptor = this;
      listener.index = uint32_t(listeners_.size());
      listener.plan = uint16_t(p);
      listener.endpoint = uint16_t(e);
      listener.fire = [](LoopTimer& timer) {
        auto& due = static_cast<Listener&>(timer);
        due.acceptor->watch(due);
      };
      listeners_.push_back(std::move(*opened));
    }
  }
  return std::nullopt;
}

void Acceptor::start() {
  for (auto& listener : listeners_) watch(*listener);
}

void Acceptor::acceptQueued() {
  for (auto& listener : listeners_) accept(*listener, context_.plans[listener->plan]->plan.backlog + acceptBudget);
}

void Acceptor::close() {
  for (auto& listener : listeners_) context_.loop.timers().cancel(*listener);
  listeners_.clear();
}

void Acceptor::onReady(Token token, unsigned, uint32_t) {
  if (token.index >= listeners_.size() || !listeners_[token.index]->watched) return;
  accept(*listeners_[token.index], acceptBudget);
}

void Acceptor::accept(Listener& listener, int budget) {
  for (int i = 0; i < budget; ++i) {
    Listener::Accepted arrival = listener.accept();
    if (arrival.fd) {
      listener.pauseMs = 0;
      arrivals_.admit(listener, std::move(arrival.fd), arrival.peer);
      continue;
    }
    if (arrival.error == 0) return;
    if (arrival.error == EMFILE || arrival.error == ENFILE) listener.shedOne(reserve_);
    return pause(listener, arrival.error);
  }
}

void Acceptor::watch(Listener& listener) {
  if (listener.watched) return;
  if (context_.loop.poller().add(listener.fd(), EPOLLIN, {.token = {listener.index, 1}, .kind = Context::listenerKind})) {
    context_.loop.timers().arm(listener, context_.now() + longestPauseMs);
    return;
  }
  listener.watched = true;
  if (std::exchange(listener.paused, false)) notice(listener, Notice::resumed, 0);
}

void Acceptor::pause(Listener& listener, int error) {
  if (listener.watched) context_.loop.poller().remove(listener.fd());
  listener.watched = false;
  listener.paused = true;
  listener.pauseMs = std::clamp(listener.pauseMs * 2, firstPauseMs, longestPauseMs);
  context_.loop.timers().arm(listener, context_.now() + listener.pauseMs);
  notice(listener, Notice::paused, error);
}

void Acceptor::notice(const Listener& listener, Notice code, int error) {
  context_.outbox.push(noticeOf(code, error, listener.plan, listener.endpoint));
}

}  // namespace millrace
