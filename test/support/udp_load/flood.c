/* One small datagram after the other from sources that do not exist, at a steady rate; raw(7), IPv4 only, wants CAP_NET_RAW. */
#include "load.h"
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <time.h>

static uint32_t add(uint32_t sum, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)at[i] << 8 | at[i + 1];
  return length & 1 ? sum + ((uint32_t)at[length - 1] << 8) : sum;
}

/* RFC 768, over the pseudo header too. */
static uint16_t udp_checksum(const struct iphdr *ip, const struct udphdr *udp, size_t length) {
  uint32_t sum = add(add(0, &ip->saddr, 8), udp, length) + IPPROTO_UDP + (uint32_t)length;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  uint16_t folded = (uint16_t)~sum;
  return htons(folded == 0 ? 0xffff : folded);
}

void flood(const char *host, long port) {
  struct {
    struct iphdr ip;
    struct udphdr udp;
    char payload[32];
  } datagram = {.payload = "flood"};
  long sources = number("sources", 1000), rate = number("rate", 10000), refused = 0;
  double seconds = (double)number("seconds", 1);
  struct address to = address_of(host, port), from = address_of(text("from", "172.16.0.0"), 0);
  struct sockaddr_in *target = (struct sockaddr_in *)&to.storage, *base = (struct sockaddr_in *)&from.storage;
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) fail("raw socket");

  long sent = 0, most = (long)(seconds * (double)rate);
  for (double begun = now(); sent < most;) {
    long due = (long)((now() - begun) * (double)rate);
    for (; sent < due && sent < most; sent++) {
      long source = sent % sources;
      struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons(sizeof datagram)};
      ip.saddr = htonl(ntohl(base->sin_addr.s_addr) + (uint32_t)source);
      ip.daddr = target->sin_addr.s_addr;
      datagram.ip = ip; /* the kernel fills in its checksum */
      datagram.udp = (struct udphdr){.source = htons((uint16_t)(1024 + source % 60000)), .dest = target->sin_port};
      datagram.udp.len = htons(sizeof datagram - sizeof ip);
      datagram.udp.check = udp_checksum(&datagram.ip, &datagram.udp, sizeof datagram - sizeof ip);
      if (sendto(fd, &datagram, sizeof datagram, 0, (struct sockaddr *)&to.storage, to.size) < 0) refused++;
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  printf("{\"sent\":%ld,\"sources\":%ld,\"refused\":%ld}\n", sent - refused, sent < sources ? sent : sources, refused);
}
