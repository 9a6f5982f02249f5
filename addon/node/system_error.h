// Errors thrown into JS (internal): with a message of ours, or shaped like Node's SystemError. JS thread only; where JS can take none, nothing is thrown.
#pragma once
#include <napi.h>

#include "core/result.h"

namespace millrace {

void throwError(napi_env env, const std::string& message);
void throwSystemError(napi_env env, const SysError& error);

}  // namespace millrace
