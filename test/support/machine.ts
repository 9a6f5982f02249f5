/** An invented machine for the checks of doctor: a good one, with whatever a test says otherwise. Nothing of it is of the machine that the test runs on. */
import type { Facts, Nft } from '../../lib/doctor/facts.ts'
import type { NativeProbe } from '../../lib/native.ts'

export type Files = Readonly<Record<string, string | undefined>>

export type Invented = {
  /** undefined: the file is not there; `EACCES` and the like as a value of `unreadable`. */
  readonly files?: Files
  readonly unreadable?: (path: string) => boolean
  readonly probe?: Partial<NativeProbe> | string
  readonly nft?: Nft
  readonly nodeVersion?: string
  /** Is told of every file that is read. */
  readonly onRead?: (path: string) => void
}

const eth0 = '/sys/class/net/eth0'
const goodFiles: Files = {
  '/proc/self/limits': 'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1048576              1048576              files\n',
  '/proc/sys/fs/nr_open': '1048576\n',
  '/proc/sys/fs/file-nr': '1000\t0\t9223372036854775807\n',
  '/proc/sys/fs/file-max': '9223372036854775807\n',
  '/proc/sys/net/core/rmem_max': '33554432\n',
  '/proc/sys/net/core/wmem_max': '33554432\n',
  '/proc/sys/net/core/somaxconn': '4096\n',
  '/proc/sys/net/ipv4/tcp_max_syn_backlog': '4096\n',
  '/proc/sys/net/ipv4/tcp_syncookies': '1\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '1024\t65535\n',
  '/proc/sys/net/ipv4/ip_local_reserved_ports': '7890-7900\n',
  '/proc/sys/net/ipv4/tcp_tw_reuse': '1\n',
  '/proc/sys/fs/pipe-max-size': '1048576\n',
  '/proc/sys/fs/pipe-user-pages-soft': '16384\n',
  '/proc/sys/net/ipv4/udp_mem': '188739\t251655\t377478\n',
  '/proc/sys/net/ipv4/tcp_mem': '94368\t125826\t188736\n',
  '/proc/meminfo': 'MemTotal:       16000000 kB\nMemAvailable:   12000000 kB\n',
  '/proc/self/cgroup': '0::/system.slice/millrace.service\n',
  '/proc/self/mounts': 'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n',
  '/sys/fs/cgroup/system.slice/millrace.service/cpu.max': 'max 100000\n',
  '/sys/fs/cgroup/system.slice/millrace.service/memory.max': 'max\n',
  '/sys/fs/cgroup/system.slice/millrace.service/pids.max': '4096\n',
  '/sys/fs/cgroup/system.slice/millrace.service/pids.current': '12\n',
  '/sys/devices/system/cpu/online': '0-3\n',
  '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'performance\n',
  '/proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t0-3\n',
  '/proc/stat': 'cpu  1000000 0 500000 9000000 100 0 20000 100 0 0\ncpu0 1 2 3\n',
  '/proc/net/softnet_stat': '00aa0000 00000000 00000003 00000000\n00bb0000 00000000 00000001 00000000\n',
  '/proc/sys/net/core/netdev_max_backlog': '1000\n',
  '/proc/sys/net/core/netdev_budget': '300\n',
  '/proc/sys/net/core/rps_sock_flow_entries': '0\n',
  [`${eth0}/operstate`]: 'up\n',
  [`${eth0}/speed`]: '25000\n',
  [`${eth0}/device/vendor`]: '0x15b3\n',
  [`${eth0}/device/msi_irqs/40`]: 'msix\n',
  [`${eth0}/device/msi_irqs/41`]: 'msix\n',
  '/proc/irq/40/effective_affinity_list': '0\n',
  '/proc/irq/41/effective_affinity_list': '2\n',
  ...Object.fromEntries([0, 1, 2, 3].flatMap((n) => [[`${eth0}/queues/rx-${n}/rps_cpus`, '0\n'], [`${eth0}/queues/rx-${n}/rps_flow_cnt`, '0\n'], [`${eth0}/queues/tx-${n}/xps_cpus`, `${1 << n}\n`]])),
  '/sys/class/net/lo/operstate': 'unknown\n',
  '/proc/sys/net/ipv4/ip_forward': '1\n',
  '/proc/sys/net/ipv6/conf/all/forwarding': '1\n',
}

const goodProbe: NativeProbe = {
  ...{ receiveBufferBytes: 8_388_608, sendBufferBytes: 4_194_304, chargedBytes: 2_304, reusePort: 0, segmentedSend: 6_400, trainDatagrams: 8 },
  ...{ trainReceived: 8, pipeBytes: 1_048_576, spliced: 4_096, pageBytes: 4_096 },
}

export function machine({ files = {}, unreadable = () => false, probe = {}, nft = { state: 'ruleset', text: '' }, nodeVersion = 'v22.1.0', onRead }: Invented = {}): Facts {
  const all = new Map(Object.entries({ ...goodFiles, ...files }))
  return {
    read(path) {
      onRead?.(path)
      if (unreadable(path)) return { unseen: `${path} cannot be read: EACCES` }
      return all.get(path) ?? { unseen: `${path} cannot be read: ENOENT` }
    },
    list(folder) {
      if (unreadable(folder)) return { unseen: `${folder} cannot be read: EACCES` }
      const within = [...all.entries()].filter(([path, text]) => text !== undefined && path.startsWith(`${folder}/`)).map(([path]) => path.slice(folder.length + 1).split('/')[0] ?? '')
      return within.length === 0 ? { unseen: `${folder} cannot be read: ENOENT` } : [...new Set(within)]
    },
    probe: typeof probe === 'string' ? { unseen: probe } : { ...goodProbe, ...probe },
    nft,
    nodeVersion,
  }
}
