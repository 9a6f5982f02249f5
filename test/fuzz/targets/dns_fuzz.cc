#include "properties.h"
#include "stage/dns.h"

using namespace millrace;

void fuzz(Input input) {
  const DnsMatcher dns;
  atEveryCut(dns, input);
  const Match datagram = ask(dns, input, true, true);
  hold(datagram != Match::more && (datagram == Match::no || input.size() >= 17), "a datagram is whole: a header, a name and a type, or none");
  if (input.size() > 65'535) return;
  Bytes stream{uint8_t(input.size() >> 8), uint8_t(input.size())};
  stream.insert(stream.end(), input.begin(), input.end());
  hold(atEveryCut(dns, stream) == datagram, "a message is a query in a datagram where it is one in a stream");
}
