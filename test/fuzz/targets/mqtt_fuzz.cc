#include "properties.h"
#include "stage/mqtt.h"

using namespace millrace;

void fuzz(Input input) {
  if (atEveryCut(MqttMatcher(), input, 14) != Match::yes) return;
  hold(input[0] == 0x10 && (textOf(input).substr(0, 14).find("MQTT") != std::string_view::npos || textOf(input).substr(0, 14).find("MQIsdp") != std::string_view::npos), "a CONNECT names its protocol");
}
