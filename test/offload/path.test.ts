/** What the network says of packets of sessions, and what only looks as if it were for a listener. */
import assert from 'node:assert/strict'
import { deny, forward, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { child, plainEnv, type Child } from '../support/child.ts'
import { offloadNet, six, type OffloadNet } from '../support/offload.ts'
import { relayProcess } from '../support/relay-process.ts'
import { addresses } from '../support/three-namespaces.ts'

const { a, b, bToo, bTowardsC, c } = addresses
const offload = 'nftables' as const

function python(under: readonly string[], script: string, ...args: readonly string[]): Child {
  const [command = '', ...rest] = under
  return child(command, [...rest, 'python3', '-c', `import socket, sys\n${script}`, ...args], { env: plainEnv(), stdin: 'pipe' })
}

/** A client behind A, by a route whose MTU is 1300. Its process is that of its namespace. */
async function behind(net: OffloadNet): Promise<{ readonly under: readonly string[]; [Symbol.asyncDispose](): Promise<void> }> {
  const [command = '', ...rest] = net.under.a
  const namespace = child(command, [...rest, 'unshare', '-n', 'sh', '-c', 'echo ready; exec cat'], { env: plainEnv(), stdin: 'pipe' })
  await namespace.line(/^ready$/)
  const under = ['nsenter', '-t', `${namespace.pid}`, '-n']
  const inside = (text: string): Promise<string> => net.exec('a', 'nsenter', '-t', `${namespace.pid}`, '-n', 'sh', '-c', text)
  await net.exec('a', 'sh', '-c', `ip link add name far0 type veth peer name near0 && ip link set near0 netns ${namespace.pid} && ip addr add 10.77.9.1/24 dev far0 && ip addr add fd77:9::1/64 dev far0 nodad && ip link set far0 up && echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding`)
  await inside('ip link set lo up && ip addr add 10.77.9.2/24 dev near0 && ip addr add fd77:9::2/64 dev near0 nodad && ip link set near0 up && ip route add default via 10.77.9.1 && ip -6 route add default via fd77:9::1')
  await net.exec('a', 'sh', '-c', 'ip route add 10.77.9.2/32 dev far0 mtu lock 1300 && ip -6 route add fd77:9::2/128 dev far0 mtu lock 1300')
  await net.exec('b', 'ip', '-6', 'route', 'add', 'fd77:9::/64', 'via', six.a)
  return { under, [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose]() }
}

describe('offload: what the network says of packets', () => {
  const pour = `
for family, host in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
    one = socket.socket(family, socket.SOCK_STREAM); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6: one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind((host, 7895)); one.listen(5)
    if family == socket.AF_INET: first = one
print('ready', flush=True)
for listener in (first, one):
    peer, _ = listener.accept(); peer.sendall(b'x' * 300000); peer.close()
sys.stdin.readline()
`
  const take = `
for host in sys.argv[1:]:
    s = socket.create_connection((host, 7890), 4); s.settimeout(4); n = 0
    try:
        while (part := s.recv(65536)): n += len(part)
    except OSError as error: print(type(error).__name__, end=' ')
    print(n, flush=True)
`

  it('a smaller MTU on the way to a client is told to the upstream, IPv4 and IPv6', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using client = await behind(net)
    await using upstream = python(net.under.c, pour)
    await upstream.line(/^ready$/)
    await using _relay = await relayProcess([pipe(listen(udp('0.0.0.0:7890')), forward(udp(`${c}:7895`))), pipe(listen(tcp('0.0.0.0:7880-7890')), forward(tcp(`${c}:7895`))), pipe(listen(tcp(`[${six.b}]:7890`)), forward(tcp(`[${six.c}]:7895`)))], { offload, under: net.under.b })
    await using taking = python(client.under, take, b, six.b)
    await taking.exited
    assert.deepEqual(taking.stdout().trim().split('\n'), ['300000', '300000'], taking.stderr())
  })

  it('a client that has closed its socket is told to the upstream of a flow, IPv4 and IPv6', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const answer = `
for family, host in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
    s = socket.socket(family, socket.SOCK_DGRAM); s.bind((host, 7895)); s.settimeout(0.05)
    print('ready', host, flush=True); said = 'silence'
    while True:
        try: _, peer = s.recvfrom(100); break
        except TimeoutError: pass
    s.connect(peer)
    for _ in range(40):
        try: s.send(b'x'); s.recv(100)
        except TimeoutError: pass
        except OSError as error: said = type(error).__name__; break
    print('said', host, said, flush=True); s.close()
`
    await using upstream = python(net.under.c, answer)
    await using _relay = await relayProcess([pipe(listen(udp('0.0.0.0:7890')), forward(udp(`${c}:7895`))), pipe(listen(udp('[::]:7890'), { dualStack: false }), forward(udp(`[${six.c}]:7895`)))], { offload, under: net.under.b })
    for (const [host, family, at] of [[b, 'AF_INET', '0.0.0.0'], [six.b, 'AF_INET6', '::']] as const) {
      await upstream.line(new RegExp(`^ready ${at}$`))
      await net.exec('a', 'python3', '-c', `import socket; socket.socket(socket.${family}, socket.SOCK_DGRAM).sendto(b'x', ('${host}', 7890))`)
      assert.equal((await upstream.line(new RegExp(`^said ${at} (.*)$`)))[1], 'ConnectionRefusedError')
    }
  })

  it('an answer to a port that is a listener’s is an answer: of sessions of ours, and of whom the relay masquerades', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7895, 7895)
    await net.exec('a', 'ip', 'route', 'add', `${c}/32`, 'via', b)
    await net.exec('b', 'nft', 'table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "bc" masquerade; }; }')
    const through = [deny('10.77.2.0/24'), deny('192.0.2.0/24')] as const
    await using relay = await relayProcess([pipe(listen(udp('0.0.0.0:7880-7890')), ...through, forward(udp(`${c}:7895`))), pipe(listen(tcp('0.0.0.0:7880-7890')), ...through, forward(tcp(`${c}:7895`)))], { offload, under: net.under.b })
    const questions = (['udp', 'tcp'] as const).flatMap((kind) => [{ kind, host: c, port: 7895, source: `${a}@7890` }, { kind, host: b, port: 7880, source: `${a}@7889` }])
    assert.deepEqual(await net.ask('a', questions), questions.map(() => `7895 ${bTowardsC} hello`))
    const { pipelines } = await relay.ledger()
    assert.deepEqual(pipelines.map(({ sessions, toUpstream }) => [sessions.accepted, toUpstream.received, toUpstream.dropped]), [[1, 5, 0], [1, 5, 0]])
  })

  it('a port that several addresses have goes where the range of its own address says', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 9000, 9001)
    await using _relay = await relayProcess(pipe(listen([udp(`${b}:8000-8001`), udp(`${bToo}:8001-8002`)]), forward(udp(`${c}:9000-9001`))), { offload, under: net.under.b })
    const questions = ([[b, 8000], [b, 8001], [bToo, 8001], [bToo, 8002]] as const).map(([host, port]) => ({ kind: 'udp' as const, host, port }))
    assert.deepEqual(await net.ask('a', questions), [9000, 9001, 9000, 9001].map((port) => `${port} ${bTowardsC} hello`))
  })

  it('a link-local client, whose packets nobody can pass on, is refused', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    for (const [where, address, device] of [['a', 'fe80::a', 'ab'], ['b', 'fe80::b', 'ba']] as const) await net.exec(where, 'ip', 'addr', 'add', `${address}/64`, 'dev', device, 'nodad')
    const at = { dualStack: false } as const
    await using _relay = await relayProcess([pipe(listen(udp('[::]:7890'), at), forward(udp(`[${six.c}]:7895`))), pipe(listen(tcp('[::]:7890'), at), forward(tcp(`[${six.c}]:7895`)))], { offload, under: net.under.b })
    const said = await net.ask('a', (['udp', 'tcp'] as const).map((kind) => ({ kind, host: 'fe80::b%ab', port: 7890 })))
    assert.deepEqual(said, ['PermissionError', 'ConnectionResetError'])
  })
})
