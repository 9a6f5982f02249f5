// The parsers of addon/stage for JS (internal): what lib/readings.ts hands on to handlers. JS thread only. Bytes are read where they lie and kept by nobody; nothing here throws
// but for a matcher that cannot be read, which is a bug of ours.
#pragma once
#include <napi.h>

namespace millrace {

/// Adds `Matcher`, `readClientHello`, `readHttpRequest` and `readProxyHeader`.
void exportReadings(Napi::Env env, Napi::Object exports);

}  // namespace millrace
