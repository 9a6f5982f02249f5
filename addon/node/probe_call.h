// `probe(asked)`: core/probe.h as JS sees it, `NativeProbe` of lib/native.ts (internal). JS thread only; absent where JS cannot run any more.
#pragma once
#include "node/js_value.h"

namespace millrace {

JsValue probeCall(napi_env env, JsValue asked);

}  // namespace millrace
