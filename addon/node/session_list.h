// The list of open sessions as JS objects, `NativeSession` of lib/native.ts (internal). JS thread only; absent where JS cannot run any more.
#pragma once
#include "node/js_value.h"
#include "relay/control.h"

namespace millrace {

JsValue describeSessions(napi_env env, std::span<const SessionInfo> sessions);

}  // namespace millrace
