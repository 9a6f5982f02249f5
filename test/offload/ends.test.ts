/** How offloaded relays begin and end where something is in the way: drains, denials, signals, nft out of order, others' hands. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forward, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { child, plainEnv, root } from '../support/child.ts'
import { startCli } from '../support/cli.ts'
import { installed } from '../support/installed.ts'
import { offloadNet } from '../support/offload.ts'
import { eventually } from '../support/proc.ts'
import { relayProcess } from '../support/relay-process.ts'
import { addresses } from '../support/three-namespaces.ts'

const { a, b, bTowardsC, c } = addresses
const offload = 'nftables' as const

/** A folder with an `nft` that runs the real one, and what `script` says before or after it. */
function nftWith(script: (folder: string) => string): { readonly path: string; readonly folder: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-nft-'))
  writeFileSync(join(folder, 'nft'), `#!/bin/sh\nreal() { PATH=/usr/sbin:/sbin:/usr/bin:/bin command nft "$@"; }\n${script(folder)}\n`)
  chmodSync(join(folder, 'nft'), 0o755)
  return { folder, path: `${folder}:${process.env['PATH'] ?? ''}`, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

describe('offload: beginnings and ends', () => {
  it('a flow that goes on is not cut by a drain, and one that is quiet ends it', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    await using relay = await relayProcess(pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`))), { offload, under: net.under.b })
    await using holding = net.hold(b, 7890, 'udp')
    await holding.ask('first')
    let closed = false
    const closing = relay.close(20_000).then(() => (closed = true))
    const until = performance.now() + 2_500
    for (let i = 0; performance.now() < until; i++) {
      assert.deepEqual(await holding.ask(`n${i}`), [`7890 ${bTowardsC} n${i}`])
      assert.equal(closed, false)
    }
    await closing
    assert.ok(performance.now() < until + 10_000)
  })

  it('who cannot read the sessions does not wait for those that are not there', async () => {
    await using net = await offloadNet()
    if (net === undefined || process.getuid?.() !== 0 || !installed('setpriv')) return
    await using _echo = await net.echo('c', 7890, 7890)
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps', '-all,+net_admin', '--ambient-caps', '-all,+net_admin', '--bounding-set', '-all,+net_admin']
    await using relay = await relayProcess(pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`))), { offload, under: [...net.under.b, ...nobody] })
    assert.deepEqual(await net.ask('a', [{ kind: 'udp', host: b, port: 7890 }]), [`7890 ${bTowardsC} hello`])
    const begun = performance.now()
    await relay.close(20_000)
    const took = performance.now() - begun
    assert.ok(took > 1_900 && took < 12_000, `${took} ms`)
  })

  it('whom a restart denies receives nothing any more', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const stream = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 7890)); s.settimeout(0.02); peers = set(); print('ready', flush=True)
while True:
    try: peers.add(s.recvfrom(100)[1])
    except OSError: pass
    for peer in peers: s.sendto(b'x', peer)
`
    const take = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('${b}', 7890)); s.settimeout(5); s.send(b'x'); s.recv(10); s.settimeout(0.5); print('receiving', flush=True)
while True:
    try: s.recv(10)
    except OSError as error: print('ended', type(error).__name__, flush=True); break
`
    const python = (where: 'a' | 'c', script: string) => child(net.under[where][0] ?? '', [...net.under[where].slice(1), 'python3', '-c', script], { env: plainEnv() })
    await using upstream = python('c', stream)
    await upstream.line(/^ready$/)
    const start = (...more: readonly string[]) => startCli(['forward', `udp://${b}:7890`, `udp://${c}:7890`, '--offload', 'nftables', ...more], { under: net.under.b })
    await using first = start()
    await first.line(/^listening/)
    await using taking = python('a', take)
    await taking.line(/^receiving$/)
    first.kill('SIGKILL')
    await first.exited
    await using second = start('--deny', `${a}/32`)
    await second.line(/^listening/)
    assert.equal((await taking.line(/^ended (\w+)$/))[1], 'TimeoutError')
  })

  it('a signal in the middle of loading leaves no table, and one of the terminal does not come to nft', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    using slow = nftWith((folder) => `cut -d' ' -f5 /proc/$$/stat > ${folder}/group; real "$@"; status=$?; if [ "$1" = -f ] && mkdir ${folder}/once 2>/dev/null; then sleep 5; fi; exit $status`)
    await using relay = startCli(['forward', `udp://${b}:7890`, `udp://${c}:7890`, '--offload', 'nftables'], { under: net.under.b, env: { PATH: slow.path } })
    await eventually('the table', async () => (await net.tables()).length === 1)
    const [group, groupOfRelay] = [readFileSync(join(slow.folder, 'group'), 'latin1').trim(), readFileSync(`/proc/${relay.pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ')[2]]
    assert.notEqual(group, groupOfRelay)
    relay.kill('SIGTERM')
    assert.deepEqual([(await relay.exited).code, await net.tables()], [143, []])
  })

  it('rules that nft would not take are told, and loaded once it does', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    using broken = nftWith((folder) => `if [ "$1" = -f ] && [ -e ${folder}/fail ]; then echo '-:1:1-2: Error: out of order' >&2; exit 1; fi; real "$@"`)
    const [command = '', ...under] = net.under.b
    const args = ['--import', 'tsx', `${root}test/support/offload-names-main.ts`, `${b}:7890`, 'moves.test:7890']
    await using relay = child(command, [...under, process.execPath, ...args], { env: { ...plainEnv(), FIRST: c, PATH: broken.path }, stdin: 'pipe' })
    await relay.line(/^ready$/)
    writeFileSync(join(broken.folder, 'fail'), '')
    relay.process.stdin?.write('10.77.2.3\n')
    await relay.line(/nft failed: out of order/)
    rmSync(join(broken.folder, 'fail'))
    await eventually('the rules to follow', async () => (await net.exec('b', 'nft', 'list', 'ruleset')).includes('dnat ip to 10.77.2.3:7890'))
    relay.process.stdin?.end()
    assert.equal((await relay.exited).code, 0)
  })

  it('a firewall that drops what is forwarded is told, and so are rules that somebody has removed', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await net.exec('b', 'nft', 'table inet guard { chain between { type filter hook forward priority 0; policy drop; }; }')
    await net.sysctl('net.ipv4.conf.bc.forwarding=0')
    await using relay = startCli(['forward', `tcp://${b}:7890`, `tcp://${c}:7890`, '--offload', 'nftables'], { under: net.under.b })
    await relay.line(/^millrace: forward: offload: the chain inet guard between of the machine drops what is forwarded/)
    await relay.line(/^millrace: forward: offload: forwarding is off on bc: /)
    await relay.line(/^listening/)
    // What doctor prints against it.
    await using _echo = await net.echo('c', 7890, 7890)
    await net.sysctl('net.ipv4.conf.bc.forwarding=1')
    const ask = () => net.ask('a', [{ kind: 'tcp', host: b, port: 7890 }])
    assert.deepEqual(await ask(), ['TimeoutError'])
    await net.exec('b', 'nft', 'insert', 'rule', 'inet', 'guard', 'between', 'ct', 'status', 'dnat', 'accept')
    assert.deepEqual(await ask(), [`7890 ${bTowardsC} hello`])
    await net.exec('b', 'nft', 'flush', 'ruleset')
    await relay.line(/^millrace: forward: offload: the table millrace_tcp_7890_\w+ is gone: /)
    relay.kill('SIGTERM')
    assert.equal((await relay.exited).code, 0)
  })

  it('sessions of one client at two ports have an id each', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    await using relay = await relayProcess(pipe(listen(tcp(`${b}:7890-7891`)), forward(tcp(`${c}:7890`))), { offload, under: net.under.b })
    const connect = `
import socket, sys
def opened(port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('${a}', 5000)); s.connect(('${b}', port)); s.sendall(b'x'); s.recv(100); return s
both = [opened(7890), opened(7891)]; print('open', flush=True); sys.stdin.readline()`
    await using both = child(net.under.a[0] ?? '', [...net.under.a.slice(1), 'python3', '-c', connect], { env: plainEnv(), stdin: 'pipe' })
    await both.line(/^open$/)
    const sessions = await relay.sessions()
    assert.deepEqual([sessions.length, new Set(sessions.map(({ id }) => id)).size], [2, 2])
    assert.ok(sessions.every(({ idleMs, ageMs }) => idleMs <= 2_000 && ageMs <= 4_000), JSON.stringify(sessions))
  })
})
