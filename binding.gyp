{
  "variables": { "sanitize%": "" },
  "targets": [{
    "target_name": "millrace",
    "sources": ["<!@(find addon -name '*.cc' | sort)"],
    "include_dirs": ["addon"],
    "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "_GNU_SOURCE"],
    "cflags!": ["-fexceptions", "-O3"],
    "cflags_cc!": ["-fexceptions", "-frtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": [
      "-isystem", "<!(node -p \"require('path').resolve(require('node-addon-api').include_dir)\")",
      "-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
      "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wno-missing-field-initializers", "-Wno-unused-parameter"
    ],
    "configurations": {
      "Release": { "cflags": ["-O2", "-g1"], "defines": ["NDEBUG"] },
      "Debug": { "cflags": ["-O1", "-g"], "defines": ["MILLRACE_DEBUG"] }
    },
    "conditions": [
      ["sanitize!=''", {
        "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined"],
        "ldflags": ["-fsanitize=<(sanitize)"]
      }]
    ]
  }]
}
