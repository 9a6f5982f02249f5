/** The plan of `doctor --for`, on invented machines with invented measurements. */
import assert from 'node:assert/strict'
import type { Load, Need, Verdict } from '../../lib/doctor/need/need.ts'
import { planFor } from '../../lib/doctor/load.ts'
import { eachWay } from '../../lib/doctor/need/need.ts'
import type { Measured } from '../../lib/doctor/measure.ts'
import { measurable } from '../../lib/doctor/measure.ts'
import { wireBytes } from '../../lib/doctor/need/wire.ts'
import type { Invented } from '../support/machine.ts'
import { machine } from '../support/machine.ts'

const example: Load = { flows: 50_000, ppsPerFlow: 156.25, payloadBytes: 800 }
const pace = (flows: number, perCoreSecond: number) => ({ flows, relayedPerSecond: perCoreSecond, cores: 1, perCoreSecond })
const measured: Measured = { single: pace(5_000, 250_000), trains: pace(16, 5_000_000), userBytesPerFlow: 482, kernelBytesPerFlow: 2_752 }

function needs(load: Load, invented: Invented = {}, by = measured): ReadonlyMap<string, Need> {
  return new Map(planFor(load, machine(invented), by).map((need) => [need.resource, need]))
}

function verdicts(load: Load, invented: Invented = {}, by = measured): Readonly<Record<string, Verdict>> {
  return Object.fromEntries([...needs(load, invented, by)].map(([resource, { verdict }]) => [resource, verdict]))
}

describe('doctor --for: the plan', () => {
  it('50,000 flows with 1 Mbit/s of 800 bytes are 7.81 Mpps each way', () => {
    assert.equal(eachWay(example), 7_812_500)
    const wire = needs(example).get('wire')
    assert.match(wire?.text ?? '', /^7\.81 Mpps each way, 54\.1 Gbit\/s on the wire each way \(866 bytes a datagram over IPv4; 55\.4 Gbit\/s over IPv6\)/)
    assert.equal(wire?.needed, 2 * 7_812_500 * 866 * 8)
  })

  it('an interface carries its speed each way: one for both sides twice the load, one for each side the load', () => {
    const load = { flows: 1_000, ppsPerFlow: 2_000, payloadBytes: 800 } // 13.9 Gbit/s each way
    const eth1 = { '/sys/class/net/eth1/device/vendor': '0x15b3\n', '/sys/class/net/eth1/operstate': 'up\n', '/sys/class/net/eth1/speed': '25000\n' }
    assert.deepEqual([{}, eth1].map((files) => needs(load, { files }).get('wire')?.verdict), ['short', 'fits'])
    assert.equal(needs({ ...load, ppsPerFlow: 1_000 }).get('wire')?.verdict, 'fits')
  })

  it('what is short never fits one machine, and no setting is higher than the kernel takes', () => {
    const quota = { files: { '/sys/fs/cgroup/system.slice/millrace.service/cpu.max': '150000 100000\n' } }
    assert.match(needs({ flows: 1_000, ppsPerFlow: 150, payloadBytes: 800 }, quota).get('cores')?.todo?.[0] ?? '', /^kernel offload, 2 machines/)
    assert.deepEqual(needs({ ...example, flows: 2_000_000_000 }).get('descriptors')?.todo, ['1,908 processes with a part of the flows each'])
    assert.match(needs({ ...example, flows: 1_073_741_780 }, { files: { '/proc/sys/fs/nr_open': '1048576\n' } }).get('descriptors')?.todo?.[0] ?? '', /^sysctl -w fs\.nr_open=1073741816$/)
    assert.match(needs({ ...example, flows: 50_000_000 }).get('receive-buffer')?.todo?.[0] ?? '', /ports or shards$/)
  })

  it('a datagram takes at least a frame of the wire, and over the MTU several', () => {
    assert.equal(wireBytes(0), 84) // 64 and 20 around it
    assert.equal(wireBytes(18), 84)
    assert.equal(wireBytes(19), 85)
    assert.equal(wireBytes(1_472), 1_538)
    assert.equal(wireBytes(1_473), 1_538 + 84) // the second carries a byte
    assert.equal(wireBytes(8_192), 8_200 + 6 * 58)
    assert.equal(wireBytes(1_452, 40), 1_538)
    assert.equal(wireBytes(1_453, 40), 1_448 + 48 + 38 + (1_461 - 1_448 + 48 + 18) + 20)
  })

  it('cores by what was measured, singles or trains by how close the datagrams of a flow follow each other', () => {
    const far = needs(example)
    assert.equal(far.get('cores')?.needed, 62.5)
    assert.equal(far.get('cores')?.verdict, 'short')
    assert.match(far.get('cores')?.text ?? '', /a flow has a datagram every 6\.4 ms, so this one applies; there are 4$/)
    assert.match(far.get('cores')?.todo?.[0] ?? '', /^kernel offload, 16 machines like this one, or one with 63 cores/)
    assert.equal(far.get('cores-trains')?.verdict, 'note')
    const close = needs({ flows: 10, ppsPerFlow: 100_000, payloadBytes: 800 })
    assert.equal(close.get('cores')?.needed, 0.4)
    assert.equal(close.get('cores')?.verdict, 'fits')
    assert.equal(close.get('cores-single')?.verdict, 'note')
  })

  it('a measurement in which nothing came through says nothing of cores', () => {
    const cores = needs(example, {}, { ...measured, single: pace(10, 0) }).get('cores')
    assert(cores)
    assert.equal(cores.verdict, 'unknown')
    assert.match(cores.text, /is loopback down\?$/)
  })

  it('a small load fits a good machine', () => {
    assert.deepEqual(verdicts({ flows: 1_000, ppsPerFlow: 100, payloadBytes: 200 }), {
      wire: 'fits', cores: 'fits', 'cores-trains': 'note', descriptors: 'fits', ports: 'fits', memory: 'fits', 'receive-buffer': 'fits',
    })
  })

  it('the example does not fit a machine as it comes, and what to do is said', () => {
    const bad: Invented = {
      files: {
        '/proc/self/limits': 'Max open files            1024                 4096              files\n',
        '/proc/sys/net/ipv4/ip_local_port_range': '32768 60999\n', '/proc/sys/net/ipv4/ip_local_reserved_ports': '\n',
        '/proc/meminfo': 'MemAvailable: 100000 kB\n', '/proc/sys/net/netfilter/nf_conntrack_count': '5\n', '/proc/sys/net/netfilter/nf_conntrack_max': '65536\n',
      },
    }
    const all = needs(example, bad)
    assert.deepEqual([...all.values()].filter(({ verdict }) => verdict !== 'short').map(({ resource }) => resource), ['cores-trains'])
    for (const { resource, verdict, todo = [] } of all.values()) if (verdict === 'short') assert(todo.length > 0, resource)
    assert.deepEqual(all.get('descriptors')?.todo, ['prlimit --pid $$ --nofile=1048576:1048576', 'or 13 processes with a part of the flows each'])
    assert.equal(all.get('ports')?.todo?.at(-1), 'or 2 source addresses, all of them in --source-address')
    assert.match(all.get('conntrack')?.text ?? '', /^100,000 entries, two for each flow; 65,531 of 65,536 are free$/)
    assert.match(all.get('receive-buffer')?.text ?? '', /932 µs of this load$/)
  })

  it('more flows than an address can have ports want more addresses, and a higher --max-flows', () => {
    const ports = needs({ ...example, flows: 100_000 }).get('ports')
    assert.match(ports?.text ?? '', /^100,000, one for each flow, and --max-flows 100000, which is 65,536 by default; a source address has 64,501$/)
    assert.deepEqual(ports?.todo, ['2 source addresses, all of them in --source-address'])
  })

  it('what cannot be seen is not known', () => {
    const unseen = verdicts(example, { unreadable: () => true, probe: 'no addon' }, { ...measured, userBytesPerFlow: undefined, kernelBytesPerFlow: undefined })
    assert.deepEqual(new Set(Object.values(unseen)), new Set(['unknown', 'note']))
    assert.match(needs(example, {}, { ...measured, kernelBytesPerFlow: undefined }).get('memory')?.text ?? '', /2,752 of the kernel for its socket \(known from elsewhere/)
  })

  it('is measured with as many flows as there are descriptors and ports for', () => {
    assert.equal(measurable(machine(), 50_000), 5_000)
    assert.equal(measurable(machine(), 10), 10)
    assert.equal(measurable(machine({ files: { '/proc/self/limits': 'Max open files  1024  1024  files\n' } }), 50_000), 309)
    assert.equal(measurable(machine({ files: { '/proc/sys/net/ipv4/ip_local_port_range': '40000 40399\n' } }), 50_000), 100)
    assert.equal(measurable(machine({ files: { '/proc/self/limits': 'Max open files  64  64  files\n' } }), 50_000), 1)
  })
})
