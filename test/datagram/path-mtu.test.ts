/**
 * A router on the way to the upstream says, a while after, that datagrams are too large for it. That is about the way, and says nothing about who is at its end: no member of a set is
 * ejected for it, and no flow ends, unless what was too large was what introduces it.
 */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp, upstreams } from '../../lib/index.ts'
import { child } from '../support/child.ts'
import { eventually } from '../support/proc.ts'
import { relayProcess } from '../support/relay-process.ts'
import { addresses, threeNamespaces } from '../support/three-namespaces.ts'

const { b, c } = addresses

const answers = `
import select, socket
sockets = []
for port in (7000, 7001):
  one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  one.bind(('${c}', port))
  sockets.append(one)
print('ready', flush=True)
while True:
  for one in select.select(sockets, [], [])[0]:
    one.sendto(b'ok', one.recvfrom(70000)[1])
`

/** 16 clients, two datagrams each, the second ones after a line on stdin; how many of these were answered. */
const asks = `
import socket, sys
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
for one in sockets: one.sendto(b'x' * 1400, ('127.0.0.1', 7000))
print('asked', flush=True)
sys.stdin.readline()
answered = 0
for one in sockets:
  one.settimeout(5)
  one.sendto(b'y' * 1400, ('127.0.0.1', 7000))
  try:
    one.recv(100)
    answered += 1
  except OSError: pass
print(answered)
`

/** What the kernel of B would say at once: an ICMP message of type 3, code 4, 2 s after the datagram, when all have been sent. */
const router = `
import select, socket, struct, time
def checksum(data):
  total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
  while total >> 16: total = (total & 0xffff) + (total >> 16)
  return ~total & 0xffff
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
seen.bind(('ba', 0x0800))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
due = []
print('ready', flush=True)
while True:
  if select.select([seen], [], [], 0.005)[0]:
    packet = seen.recv(65535)
    length, fragment = struct.unpack('!H', packet[2:4])[0], struct.unpack('!H', packet[6:8])[0]
    if packet[9] == 17 and length > 1360 and fragment & 0x4000: due.append((time.time() + 2, packet))
  while due and due[0][0] <= time.time():
    packet = due.pop(0)[1]
    message = struct.pack('!BBHHH', 3, 4, 0, 0, 1360) + packet[:28]
    raw.sendto(message[:2] + struct.pack('!H', checksum(message)) + message[4:], (socket.inet_ntoa(packet[12:16]), 0))
`

describe('a router that says that datagrams are too large', function () {
  this.timeout(60_000)

  it('ejects no member of a set, and ends no flow', async () => {
    await using net = await threeNamespaces()
    if (net === undefined) return
    await net.exec('a', 'ip', 'route', 'add', '10.77.2.0/24', 'via', b)
    await net.exec('b', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    await net.exec('b', 'ip', 'route', 'replace', '10.77.2.0/24', 'dev', 'bc', 'src', addresses.bTowardsC, 'mtu', '1360')
    await net.exec('b', 'nft', 'table inet later { chain said { type filter hook output priority 0; meta mark != 7 icmp type destination-unreachable drop; }; }')
    await net.exec('c', 'ip', 'route', 'replace', 'default', 'via', addresses.bTowardsC)
    const python = ([program = '', ...rest]: readonly string[], script: string) => child(program, [...rest, 'python3', '-c', script], { stdin: 'pipe' })
    const programs = [python(net.under.b, router), python(net.under.c, answers)]
    try {
      await eventually('both to be ready', () => programs.every((one) => one.stdout().includes('ready')))
      await using relay = await relayProcess(pipe(from(udp('127.0.0.1:7000')), forward(upstreams([udp(`${c}:7000`), udp(`${c}:7001`)]))), { thread: 'own', under: net.under.a })
      const clients = python(net.under.a, asks)
      await clients.line(/^asked$/)
      await eventually('the router to be heard by each', async () => (await relay.ledger()).datagrams.icmpErrors >= 16)
      clients.process.stdin?.write('go on\n')
      assert.equal((await clients.line(/^\d+$/))[0], '16')
      const { sessions } = await relay.ledger()
      assert.deepEqual([sessions.accepted, sessions.open], [16, 16])
      assert.deepEqual(relay.events().filter(({ type }) => type === 'notice'), [])
      await relay.close(0)
    } finally {
      for (const one of programs) one.process.kill()
    }
  })
})
