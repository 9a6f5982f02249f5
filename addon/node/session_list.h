// The lists of open sessions and of the members of sets as JS objects, `NativeSession` and `NativeMember` of lib/native.ts (internal). JS thread only; absent where JS cannot run any more.
#pragma once
#include "node/js_value.h"
#include "relay/control.h"
#include "relay/membership.h"

namespace millrace {

JsValue describeSessions(napi_env env, std::span<const SessionInfo> sessions);
JsValue describeMembers(napi_env env, std::span<const MemberInfo> members);

}  // namespace millrace
