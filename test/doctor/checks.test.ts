/** The checks of doctor on invented machines: each warning where it is due, none where it is not, and nothing claimed of what cannot be read. */
import assert from 'node:assert/strict'
import { examine } from '../../lib/doctor/examine.ts'
import type { Finding, Status } from '../../lib/doctor/finding.ts'
import type { Files, Invented } from '../support/machine.ts'
import { machine } from '../support/machine.ts'

const service = '/sys/fs/cgroup/system.slice/millrace.service'
const eth0 = '/sys/class/net/eth0'
const limits = (hard: string): Files => ({ '/proc/self/limits': `Max open files            1024                 ${hard}              files\n` })
const tracked = (count: number, max: number, buckets = max): Files => ({
  '/proc/sys/net/netfilter/nf_conntrack_count': `${count}\n`, '/proc/sys/net/netfilter/nf_conntrack_max': `${max}\n`, '/proc/sys/net/netfilter/nf_conntrack_buckets': `${buckets}\n`,
})
const oneQueue: Files = Object.fromEntries([1, 2, 3].flatMap((n) => [[`${eth0}/queues/rx-${n}/rps_cpus`, undefined], [`${eth0}/queues/rx-${n}/rps_flow_cnt`, undefined]]))
const v1: Files = {
  '/proc/self/cgroup': '4:memory:/box\n2:cpu,cpuacct:/box\n1:pids:/box\n0::/\n',
  '/proc/self/mounts': ['memory', 'cpu,cpuacct', 'pids'].map((name) => `cgroup /cg/${name} cgroup rw,${name} 0 0`).join('\n'),
}

function found(invented: Invented, check: string): Finding {
  const finding = examine(machine(invented)).find((one) => one.check === check)
  assert(finding, check)
  return finding
}

describe('doctor: invented machines', () => {
  it('a good one has nothing to mend', () => {
    const findings = examine(machine())
    assert.deepEqual(findings.filter(({ status }) => status !== 'ok'), [])
    assert(findings.length >= 24, String(findings.length))
    assert.equal(new Set(findings.map(({ check }) => check)).size, findings.length, 'each check once')
  })

  const cases: readonly (readonly [string, Invented, string, Status, RegExp, string?])[] = [
    ['Node is too old', { nodeVersion: 'v20.18.3' }, 'node', 'fail', /^v20\.18\.3, 20\.19 or newer/, 'nvm install 24'],
    ['Node is just recent enough', { nodeVersion: 'v20.19.0' }, 'node', 'ok', /^v20\.19\.0/],
    ['the addon does not load', { probe: 'the addon cannot be loaded: no such file' }, 'addon', 'fail', /no such file/, 'npm rebuild millrace   # in a clone: npm run build:addon'],

    ['few descriptors', { files: limits('4096') }, 'descriptors', 'warn', /is 4,096: 2,032 TCP sessions or 4,064 UDP flows/, 'prlimit --pid $$ --nofile=1048576:1048576'],
    ['few descriptors for a root that may not raise them', { files: { ...limits('4096'), '/proc/self/status': 'Uid:\t0\t0\t0\t0\nCapEff:\t000001fffeffffff\nCpus_allowed_list:\t0-3\n' } }, 'descriptors', 'warn', /4,096/, 'docker run --ulimit nofile=1048576:1048576 ...   # or what else started this: root has no CAP_SYS_RESOURCE here and cannot raise it'],
    ['few descriptors for a root that may', { files: { ...limits('4096'), '/proc/self/status': 'Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-3\n' } }, 'descriptors', 'warn', /4,096/, 'prlimit --pid $$ --nofile=1048576:1048576'],
    ['fewer descriptors than one session takes', { files: limits('33') }, 'descriptors', 'fail', /0 TCP sessions or 1 UDP flow$/],
    ['any number of descriptors', { files: limits('unlimited') }, 'descriptors', 'ok', /∞/],
    ['few descriptors under a low fs.nr_open', { files: { ...limits('4096'), '/proc/sys/fs/nr_open': '65536\n' } }, 'descriptors', 'warn', /4,096/, 'sysctl -w fs.nr_open=1048576'],
    ['a machine that is full of files', { files: { '/proc/sys/fs/file-nr': '99000\t0\t100000\n', '/proc/sys/fs/file-max': '100000\n' } }, 'open-files', 'warn', /100,000 for all processes, 99,000 in use/, 'sysctl -w fs.file-max=2097152'],

    ['a small receive buffer', { probe: { receiveBufferBytes: 212_992 } }, 'receive-buffer', 'warn', /asks for 8 MiB and gets 208 KiB .*room for 184 datagrams/, 'sysctl -w net.core.rmem_max=8388608'],
    ['a receive buffer past the limit', { files: { '/proc/sys/net/core/rmem_max': '212992\n' } }, 'receive-buffer', 'ok', /past net\.core\.rmem_max 208 KiB, as CAP_NET_ADMIN may/],
    ['no socket to try', { probe: { receiveBufferBytes: -24 } }, 'receive-buffer', 'skip', /EMFILE/],
    ['a small send buffer', { probe: { sendBufferBytes: 212_992 } }, 'send-buffer', 'warn', /asks for 4 MiB and gets 208 KiB/, 'sysctl -w net.core.wmem_max=4194304'],

    ['a short accept queue', { files: { '/proc/sys/net/core/somaxconn': '128\n' } }, 'accept-queue', 'warn', /somaxconn 128, a TCP listener asks for 511/, 'sysctl -w net.core.somaxconn=4096'],
    ['a short SYN queue', { files: { '/proc/sys/net/ipv4/tcp_max_syn_backlog': '128\n', '/proc/sys/net/ipv4/tcp_syncookies': '0\n' } }, 'syn-queue', 'warn', /128, SYN cookies off/, 'sysctl -w net.ipv4.tcp_max_syn_backlog=4096'],
    ['the usual ports', { files: { '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n', '/proc/sys/net/ipv4/ip_local_reserved_ports': '\n' } }, 'ports', 'warn', /^28,232 for each source address/, 'sysctl -w net.ipv4.ip_local_port_range="1024 65535"'],
    ['ports of which many are reserved', { files: { '/proc/sys/net/ipv4/ip_local_reserved_ports': '80,2000-11999,70000\n' } }, 'ports', 'warn', /^54,512 for/],
    ['TIME_WAIT that is waited for', { files: { '/proc/sys/net/ipv4/tcp_tw_reuse': '2\n' } }, 'time-wait', 'warn', /2 \(loopback only\)/, 'sysctl -w net.ipv4.tcp_tw_reuse=1'],

    ['no conntrack', {}, 'conntrack', 'ok', /^not loaded$/],
    ['a conntrack that nothing uses', { files: tracked(0, 262_144) }, 'conntrack', 'ok', /tracks nothing here/],
    ['a conntrack of which nothing can be said', { files: tracked(0, 262_144), probe: { chargedBytes: -101 } }, 'conntrack', 'skip', /no datagram could be sent/],
    ['a conntrack at work', { files: tracked(12, 262_144) }, 'conntrack', 'warn', /12 of 262,144 entries/],
    ['a conntrack whose rules cannot be seen', { files: tracked(12, 262_144), nft: { state: 'absent' } }, 'conntrack', 'warn', /not visible/],
    ['a conntrack with exemptions', { files: tracked(12, 262_144), nft: { state: 'ruleset', text: 'udp dport 7890 notrack' } }, 'conntrack', 'ok', /see that they name the ports/],
    ['a word in a comment', { files: tracked(12, 262_144), nft: { state: 'ruleset', text: 'udp dport 7890 accept comment "notrack later"' } }, 'conntrack', 'warn', /12 of 262,144 entries in use$/],
    ['a conntrack with no entry yet, for which a rule asks', { files: tracked(0, 1_048_576), nft: { state: 'ruleset', text: 'table ip nat {\n\tchain post {\n\t\toifname "eth0" masquerade\n\t}\n}' } }, 'conntrack', 'warn', /^tracks, 0 of/, `nft 'table inet millrace { chain in { type filter hook prerouting priority raw; udp sport 7890-7900 notrack accept; udp dport 7890-7900 notrack accept; }; chain out { type filter hook output priority raw; udp sport 7890-7900 notrack accept; udp dport 7890-7900 notrack accept; }; }'   # with your ports; not where a stateful firewall, NAT or kernel offload is to see them: answers would be dropped`],
    ['a conntrack with no entry yet, and rules that cannot be seen', { files: tracked(0, 262_144), nft: { state: 'absent' } }, 'conntrack', 'skip', /whether a rule tracks what comes by an interface is not visible/],
    ['a conntrack that a firewall goes by', { files: tracked(12, 262_144), nft: { state: 'ruleset', text: '\t\tct state established,related accept' } }, 'conntrack', 'warn', /no port can be exempted/, 'sysctl -w net.netfilter.nf_conntrack_max=524288'],
    ['a conntrack that kernel offload goes by', { files: tracked(12, 1_048_576), nft: { state: 'ruleset', text: 'table inet millrace_udp_7890_01234567 {' } }, 'conntrack', 'ok', /no port can be exempted/],
    ['a small conntrack table', { files: tracked(12, 65_536) }, 'conntrack-table', 'warn', /room for 32,762 more flows/, 'sysctl -w net.netfilter.nf_conntrack_max=524288'],
    ['a conntrack table with few buckets', { files: tracked(12, 1_048_576, 16_384) }, 'conntrack-table', 'warn', /16,384 buckets/, 'sysctl -w net.netfilter.nf_conntrack_buckets=1048576'],

    ['no UDP_SEGMENT', { probe: { segmentedSend: -22 } }, 'trains', 'warn', /UDP_SEGMENT send is refused: EINVAL/],
    ['no UDP_GRO', { probe: { trainReceived: -92 } }, 'trains', 'warn', /UDP_GRO does not work: ENOPROTOOPT/],
    ['trains that are cut', { probe: { trainReceived: 1 } }, 'trains', 'warn', /came in with 1 in the first read/],
    ['loopback that brings nothing', { probe: { chargedBytes: -110, trainReceived: -110 } }, 'trains', 'skip', /ip link set lo up/],
    ['loopback that is down', { probe: { segmentedSend: -101, trainReceived: -101 } }, 'trains', 'skip', /ip link set lo up/],
    ['no SO_REUSEPORT', { probe: { reusePort: -98 } }, 'reuse-port', 'warn', /EADDRINUSE/],
    ['no splice', { probe: { spliced: -1 } }, 'splice', 'warn', /refused: EPERM/],
    ['few pipes for a user', { files: { '/proc/sys/fs/pipe-user-pages-soft': '4096\n', '/proc/self/status': 'CapEff:\t0000000000000000\n' } }, 'splice', 'warn', /up to 32; 16 pipes for a user/, 'sysctl -w fs.pipe-max-size=1048576'],
    ['few pipes, and a root whom that does not concern', { files: { '/proc/sys/fs/pipe-user-pages-soft': '4096\n', '/proc/self/status': 'CapEff:\t0000000000200000\n' } }, 'splice', 'ok', /16 pipes for a user/],
    ['small pipes', { probe: { pipeBytes: 65_536 } }, 'splice', 'warn', /gets 64 KiB of 1 MiB/, 'sysctl -w fs.pipe-max-size=1048576'],

    ['little memory for UDP', { files: { '/proc/sys/net/ipv4/udp_mem': '1000 2000 4096\n' } }, 'udp-memory', 'warn', /hold 16 MiB, 1 full listener$/, 'sysctl -w net.ipv4.udp_mem="32768 49152 65536"'],
    ['little memory for TCP', { files: { '/proc/sys/net/ipv4/tcp_mem': '1000 2000 4096\n' } }, 'tcp-memory', 'warn', /64 stalled sessions/, 'sysctl -w net.ipv4.tcp_mem="32768 49152 65536"'],
    ['a small container', { files: { [`${service}/memory.max`]: '268435456\n' } }, 'memory', 'warn', /may use 256 MiB/, `echo 586153984 > ${service}/memory.max`],
    ['a small slice around it', { files: { '/sys/fs/cgroup/system.slice/memory.max': '268435456\n' } }, 'memory', 'warn', /may use 256 MiB/, 'echo 586153984 > /sys/fs/cgroup/system.slice/memory.max'],
    ['a container that has used up what it may', { files: { [`${service}/memory.max`]: '1073741824\n', [`${service}/memory.current`]: '939524096\n', [`${service}/memory.stat`]: 'anon 5\ninactive_file 134217728\n' } }, 'memory', 'warn', /may use 1 GiB, 768 MiB of it in use/, `echo ${1408 * 2 ** 20} > ${service}/memory.max`],
    ['a small machine', { files: { '/proc/meminfo': 'MemAvailable: 200000 kB\n' } }, 'memory', 'warn', /^195\.3 MiB free/],
    ['few threads', { files: { [`${service}/pids.max`]: '24\n' } }, 'threads', 'warn', /may have 24 threads, 12 are there/, `echo max > ${service}/pids.max`],
    ['no thread left', { files: { [`${service}/pids.max`]: '12\n' } }, 'threads', 'fail', /12 threads, 12 are there/],

    ['some of the CPUs', { files: { '/proc/self/status': 'Cpus_allowed_list:\t1,3\n' } }, 'cpus', 'warn', /4 CPUs, this process may run on 1,3/, 'taskset -pc 0-3 $$'],
    ['some of the CPUs, with a hole', { files: { '/sys/devices/system/cpu/online': '0,2-3\n', '/proc/self/status': 'Cpus_allowed_list:\t2\n' } }, 'cpus', 'warn', /3 CPUs, this process may run on 2$/, 'taskset -pc 0,2-3 $$'],
    ['a CPU quota', { files: { [`${service}/cpu.max`]: '150000 100000\n' } }, 'cpu-quota', 'warn', /^1\.5 CPUs' worth/, `echo max > ${service}/cpu.max`],
    ['a CPU quota that is no limit', { files: { [`${service}/cpu.max`]: '400000 100000\n' } }, 'cpu-quota', 'ok', /^4 CPUs' worth/],
    ['a CPU quota of cgroup v1', { files: { ...v1, '/cg/cpu,cpuacct/box/cpu.cfs_quota_us': '50000\n', '/cg/cpu,cpuacct/box/cpu.cfs_period_us': '100000\n' } }, 'cpu-quota', 'warn', /^0\.5 CPUs' worth/, 'echo -1 > /cg/cpu,cpuacct/box/cpu.cfs_quota_us'],
    ['no limits in cgroup v1', { files: { ...v1, '/cg/memory/box/memory.limit_in_bytes': '9223372036854771712\n' } }, 'memory', 'ok', /no cgroup limit/],
    ['a lazy governor', { files: { '/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor': 'powersave\n' } }, 'governor', 'warn', /performance, powersave/, 'echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor'],
    ['no governor', { files: { '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': undefined } }, 'governor', 'skip', /not visible/],
    ['a host that takes CPUs away', { files: { '/proc/stat': 'cpu  1000 0 500 90000 100 0 200 300 0 0\n' } }, 'steal', 'warn', /^15\.00 %/],

    ['packets lost before a socket', { files: { '/proc/net/softnet_stat': '00aa0000 00000010 00000003\n00bb0000 00000001 00000001\n' } }, 'packet-queue', 'warn', /17 packets dropped since boot, netdev_budget 300 used up 4 times/, 'sysctl -w net.core.netdev_max_backlog=10000'],
    ['packets lost before it was mended', { files: { '/proc/net/softnet_stat': '00aa0000 00000010 00000003\n', '/proc/sys/net/core/netdev_max_backlog': '10000\n' } }, 'packet-queue', 'ok', /16 packets/],
    ['one queue', { files: oneQueue }, 'queues eth0', 'warn', /1 receive queue for 4 CPUs, RPS off, RFS off, XPS on, 2 IRQs on CPU 0 and 2/, `echo f > ${eth0}/queues/rx-0/rps_cpus`],
    ['one queue for many CPUs', { files: { ...oneQueue, '/sys/devices/system/cpu/online': '0-63\n' } }, 'queues eth0', 'warn', /for 64 CPUs/, `echo ffffffff,ffffffff > ${eth0}/queues/rx-0/rps_cpus`],
    ['one queue for CPUs with a hole', { files: { ...oneQueue, '/sys/devices/system/cpu/online': '0,2-3,32\n' } }, 'queues eth0', 'warn', /for 4 CPUs/, `echo 1,0000000d > ${eth0}/queues/rx-0/rps_cpus`],
    ['one queue that is spread', { files: { ...oneQueue, [`${eth0}/queues/rx-0/rps_cpus`]: 'f\n' } }, 'queues eth0', 'ok', /RPS on/],
    ['only virtual interfaces', { files: { [`${eth0}/device/vendor`]: undefined, [`${eth0}/device/msi_irqs/40`]: undefined, [`${eth0}/device/msi_irqs/41`]: undefined } }, 'queues', 'skip', /virtual/],

    ['no nft', { nft: { state: 'absent' } }, 'nft', 'skip', /apt-get install nftables/],
    ['nft for others', { nft: { state: 'refused', why: 'Operation not permitted' } }, 'nft', 'skip', /Operation not permitted/],
    ['a firewall that drops what is forwarded', { nft: { state: 'ruleset', text: 'table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}' } }, 'forwarding', 'warn', /on; ip filter FORWARD drops what is forwarded/, 'nft insert rule ip filter FORWARD ct status dnat accept   # what is translated; for kernel offload only'],
    ['no forwarding', { files: { '/proc/sys/net/ipv4/ip_forward': '0\n' } }, 'forwarding', 'ok', /ip_forward off.*for kernel offload sysctl -w net\.ipv4\.ip_forward=1$/],
  ]
  for (const [what, invented, check, status, text, mend] of cases) {
    it(`${what}: ${status}`, () => {
      const finding = found(invented, check)
      assert.equal(finding.status, status, JSON.stringify(finding))
      assert.match(finding.found, text)
      if (mend !== undefined) assert.equal(finding.mend?.[0], mend)
    })
  }

  it('every warning and failure says what it costs and how it is mended', () => {
    for (const [what, invented, check, status] of cases) {
      const { cost = '', mend = [] } = found(invented, check)
      if (status === 'ok' || status === 'skip') assert.equal(cost, '', what)
      else assert(cost !== '' && (mend.length > 0 || check === 'descriptors'), what)
    }
  })
})

describe('doctor: what cannot be read', () => {
  it('a machine that shows nothing at all: no ok and no warning, but of Node itself', () => {
    const findings = examine(machine({ unreadable: () => true, probe: 'cannot be loaded', nft: { state: 'absent' } }))
    assert.deepEqual(findings.filter(({ status }) => status !== 'skip').map(({ check, status }) => [check, status]), [['node', 'ok'], ['addon', 'fail']])
  })

  it('each single file that is read: without it something else is said, and no warning is made up', () => {
    const files = { ...oneQueue, ...tracked(12, 1_048_576) }
    const notrack = { state: 'ruleset', text: 'notrack' } as const
    const read = new Set<string>()
    const whole = examine(machine({ files, nft: notrack, onRead: (path) => read.add(path) }))
    assert(read.size > 35, String(read.size))
    for (const path of read) {
      if (path === '/sys/class/net/lo/operstate') continue
      const without = examine(machine({ files, nft: notrack, unreadable: (one) => one === path }))
      const changed = without.filter((finding) => !whole.some((other) => JSON.stringify(other) === JSON.stringify(finding)))
      // One of several governors, IRQs or send queues is no great loss, and fs.nr_open is there for the mend.
      const few = /cpufreq|irq\/4|xps_cpus|operstate|nr_open/.test(path)
      assert(changed.length > 0 || few, `${path} is missed by nobody`)
      for (const { check, status, found: text } of changed) {
        assert(status === 'skip' || few || /not visible|netdev|of 1 MiB/.test(text), `${path}: ${check} ${status} ${text}`)
      }
    }
  })
})
