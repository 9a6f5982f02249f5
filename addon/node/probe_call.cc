#include "node/probe_call.h"

#include "core/probe.h"

namespace millrace {

JsValue probeCall(napi_env env, JsValue asked) {
  const auto of = [&](const char* name) { return int(asked.get(name).whole()); };
  const ProbeAnswers answers = probe({
      .receiveBufferBytes = of("receiveBufferBytes"),
      .sendBufferBytes = of("sendBufferBytes"),
      .pipeBytes = of("pipeBytes"),
      .datagramBytes = of("datagramBytes"),
  });
  JsValue told = JsValue::object(env);
  told.set("receiveBufferBytes", double(answers.receiveBufferBytes));
  told.set("sendBufferBytes", double(answers.sendBufferBytes));
  told.set("chargedBytes", double(answers.chargedBytes));
  told.set("reusePort", double(answers.reusePort));
  told.set("segmentedSend", double(answers.segmentedSend));
  told.set("trainDatagrams", double(trainDatagrams));
  told.set("trainReceived", double(answers.trainReceived));
  told.set("pipeBytes", double(answers.pipeBytes));
  told.set("spliced", double(answers.spliced));
  told.set("pageBytes", double(answers.pageBytes));
  return told;
}

}  // namespace millrace
