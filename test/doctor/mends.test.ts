/**
 * Warnings of doctor and what it prints against them: the real command in a namespace, a cgroup or a shell of its own, where the setting is made bad;
 * then the command that was printed is typed, and the warning is gone. What is the whole machine's was tried by hand: docs/doctor.md.
 */
import assert from 'node:assert/strict'
import { existsSync, rmdirSync } from 'node:fs'
import { cli } from '../support/forward-process.ts'
import { listIn, textIn } from '../support/json.ts'
import type { NamespaceShell } from '../support/namespace-shell.ts'
import { namespaceShell } from '../support/namespace-shell.ts'

/** The sanitizers' runtimes are for Node alone. */
const preload = process.env['LD_PRELOAD'] === undefined ? '' : `LD_PRELOAD="${process.env['LD_PRELOAD']}" `
const doctor = `${preload}"${process.execPath}" "${cli}" doctor --json || true`

type Findings = ReadonlyMap<string, unknown>

/** What it says now, by check. */
async function ask(shell: NamespaceShell): Promise<Findings> {
  const lines = (await shell.run(doctor)).trim().split('\n').map((line): unknown => JSON.parse(line))
  return new Map(lines.map((line) => [textIn(line, 'check'), line]))
}

const statusOf = (findings: Findings, check: string): string => textIn(findings.get(check), 'status')

async function type(shell: NamespaceShell, finding: unknown, which: 'mend' | 'last'): Promise<void> {
  for (const command of listIn(finding, which)) await shell.run(String(command))
}

/** The warnings, and what is there after what was printed against each has been typed. */
async function mended(shell: NamespaceShell, worsen: readonly string[], checks: readonly string[]): Promise<{ readonly bad: Findings; readonly good: Findings }> {
  for (const command of worsen) await shell.run(command)
  const bad = await ask(shell)
  for (const check of checks) await type(shell, bad.get(check), 'mend')
  return { bad, good: await ask(shell) }
}

describe('doctor: what it prints mends what it finds', () => {
  const settings = {
    'accept-queue': 'sysctl -qw net.core.somaxconn=128',
    'syn-queue': 'sysctl -qw net.ipv4.tcp_max_syn_backlog=64 net.ipv4.tcp_syncookies=0',
    ports: 'sysctl -qw net.ipv4.ip_local_port_range="32768 60999" && sysctl -qw net.ipv4.ip_local_reserved_ports=',
    'time-wait': 'sysctl -qw net.ipv4.tcp_tw_reuse=2',
    cpus: 'taskset -pc 0 $$ >/dev/null',
  }

  it(`in a namespace: ${Object.keys(settings).join(', ')}, and what is to make it last is what a boot reads`, async () => {
    await using shell = await namespaceShell()
    if (shell === undefined) return
    const checks = Object.keys(settings)
    const { bad, good } = await mended(shell, Object.values(settings), checks)
    for (const check of checks) assert.deepEqual([statusOf(bad, check), statusOf(good, check)], ['warn', 'ok'], JSON.stringify([bad.get(check), good.get(check)]))

    if (!existsSync('/etc/sysctl.d')) return
    await shell.run('mount -t tmpfs tmpfs /etc/sysctl.d')
    const lasting = checks.filter((check) => check !== 'cpus')
    for (const check of lasting) await type(shell, bad.get(check), 'last')
    for (const command of Object.values(settings)) await shell.run(command)
    await shell.run('sysctl -qp /etc/sysctl.d/60-millrace.conf')
    const booted = await ask(shell)
    for (const check of lasting) assert.equal(statusOf(booted, check), 'ok', JSON.stringify(booted.get(check)))
  })

  it('descriptors: prlimit, where root may raise a limit; where it may not, that is said', async () => {
    await using shell = await namespaceShell()
    if (shell === undefined) return
    const limit = (await shell.run('ulimit -Hn')).trim()
    await shell.run('prlimit --pid $$ --nofile=1024:1024')
    const before = (await ask(shell)).get('descriptors')
    assert.equal(textIn(before, 'status'), 'warn')
    assert.match(textIn(before, 'found'), /^the limit of a process is 1,024: 496 TCP sessions or 992 UDP flows$/)
    if (String(listIn(before, 'mend').at(-1)).startsWith('docker run')) {
      await assert.rejects(shell.run(`prlimit --pid $$ --nofile=${limit}:${limit}`), /Operation not permitted/, 'it was said that it cannot be raised')
      return
    }
    await type(shell, before, 'mend')
    assert.equal(statusOf(await ask(shell), 'descriptors'), 'ok')
  })

  it('conntrack: notrack rules, and datagrams of these ports make no entries any more', async () => {
    await using shell = await namespaceShell()
    if (shell === undefined) return
    const count = async (): Promise<number> => Number(await shell.run('cat /proc/sys/net/netfilter/nf_conntrack_count'))
    assert.equal(statusOf(await ask(shell), 'conntrack'), 'ok', 'nothing asks for tracking yet')
    const { bad, good } = await mended(shell, [`nft 'table ip nat { chain post { type nat hook postrouting priority srcnat; oifname none masquerade; }; }'`], ['conntrack'])
    assert.deepEqual([statusOf(bad, 'conntrack'), statusOf(good, 'conntrack')], ['warn', 'ok'])
    const entries = await count()
    const send = (port: number): Promise<string> => shell.run(`python3 -c "import socket; [socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', ${port})) for _ in range(20)]"`)
    await send(7_890)
    assert.equal(await count(), entries)
    await send(7_901)
    assert.equal(await count(), entries + 20)
    await shell.run(`nft 'flush ruleset; table inet filter { chain input { type filter hook input priority filter; ct state new accept; }; }'`)
    assert.match(textIn((await ask(shell)).get('conntrack'), 'found'), /no port can be exempted/)
  })

  it('in a cgroup: a CPU quota, a limit of memory, one of threads', async () => {
    const limits = { 'cpu-quota': ['cpu', 'cpu.cfs_quota_us', 100_000], memory: ['memory', 'memory.limit_in_bytes', 400_000_000], threads: ['pids', 'pids.max', 40] } as const
    const folders = Object.values(limits).map(([controller]) => `/sys/fs/cgroup/${controller}/millrace-test-${process.pid}`)
    if (process.getuid?.() !== 0 || Object.values(limits).some(([controller]) => !existsSync(`/sys/fs/cgroup/${controller}/cgroup.procs`))) {
      console.log('      (no cgroups of version 1 to be had here, not shown)')
      return
    }
    try {
      await using shell = await namespaceShell()
      if (shell === undefined) return
      const worsen = Object.values(limits).map(([, file, value], i) => `mkdir ${folders[i] ?? ''} && echo ${value} > ${folders[i] ?? ''}/${file} && echo $$ > ${folders[i] ?? ''}/cgroup.procs`)
      const { bad, good } = await mended(shell, worsen, Object.keys(limits))
      for (const check of Object.keys(limits)) assert.deepEqual([statusOf(bad, check), statusOf(good, check)], ['warn', 'ok'], JSON.stringify([bad.get(check), good.get(check)]))
    } finally {
      for (const folder of folders) if (existsSync(folder)) rmdirSync(folder)
    }
  })

  it('loopback that is down is told, and with it up trains are tried', async () => {
    await using shell = await namespaceShell()
    if (shell === undefined) return
    await shell.run('ip link set lo down')
    const down = (await ask(shell)).get('trains')
    assert.equal(textIn(down, 'status'), 'skip')
    await shell.run(/ip link .*$/.exec(textIn(down, 'found'))?.[0] ?? 'false')
    assert.equal(statusOf(await ask(shell), 'trains'), 'ok')
  })
})

describe('doctor: what it says of ports', () => {
  /** Opens sockets to two upstreams until there is no port left, and prints how many went to each. */
  const script = `
import socket
def fill(kind, port, source):
    count = 0
    while True:
        one = socket.socket(socket.AF_INET, kind)
        try:
            if source: one.bind((source, 0))
            one.connect(('127.0.0.1', port))
        except OSError:
            return count
        kept.append(one)
        count += 1
kept = []
listeners = [socket.create_server(('127.0.0.1', port), backlog=512) for port in (700, 701)]
print([fill(socket.SOCK_STREAM, port, None) for port in (700, 701)])
print([fill(socket.SOCK_DGRAM, port, None) for port in (700, 701)])
kept.clear()
print([fill(socket.SOCK_DGRAM, 700, source) for source in ('127.0.0.1', '127.0.0.2')])
`

  it('TCP has all of them for each upstream, UDP for all together, and a second source address has as many again', async () => {
    await using shell = await namespaceShell()
    if (shell === undefined) return
    await shell.run('sysctl -qw net.ipv4.ip_local_port_range="40000 40099" && ulimit -n 4096')
    const said = (await ask(shell)).get('ports')
    assert.match(textIn(said, 'found'), /^100 for each source address: so many UDP flows to all upstreams together, so many TCP sessions to each upstream$/)
    const counts = await shell.run(`python3 - <<'END'\n${script}\nEND`)
    assert.deepEqual(counts.trim().split('\n'), ['[100, 100]', '[100, 0]', '[100, 100]'])
  })
})
