/**
 * Three network namespaces in a row, A – B – C, joined by veth pairs: clients in A, the relay in B, the upstream in C. Nothing that
 * is done to their networks concerns anybody else, and they are gone with the scope they were made in, or with this process.
 *
 *       A                    B                     C
 *   10.77.1.2  ── ab ──  10.77.1.1
 *   10.77.3.2            10.77.3.1  (a second address of B on the same leg)
 *                        10.77.2.1  ── bc ──  10.77.2.2
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { run } from './child.ts'
import { program } from './programs.ts'

export const addresses = { a: '10.77.1.2', aToo: '10.77.3.2', b: '10.77.1.1', bToo: '10.77.3.1', bTowardsC: '10.77.2.1', c: '10.77.2.2' } as const

export type ThreeNamespaces = {
  /** What to run a program under so that it runs in that namespace. */
  readonly under: Readonly<Record<'a' | 'b' | 'c', readonly string[]>>
  /** Runs a command there, to its end. */
  readonly exec: (where: 'a' | 'b' | 'c', ...command: readonly string[]) => Promise<string>
  [Symbol.asyncDispose](): Promise<void>
}

const standing = new Set<string>()
let made = 0

process.on('exit', () => {
  for (const name of standing) remove(name)
})

function remove(name: string): void {
  standing.delete(name)
  try {
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
  } catch {
    // It was not made, or is gone.
  }
}

/** Those of runs that were killed. */
function sweep(list: string): void {
  for (const [name, pid] of list.matchAll(/^millrace-(\d+)-\S+/gm)) if (!existsSync(`/proc/${pid ?? ''}`)) remove(name)
}

/** The veth devices are `ab` in A and `ba`, `bc` in B and `cb`. Undefined, said aloud, where namespaces are not to be had. */
export async function threeNamespaces(): Promise<ThreeNamespaces | undefined> {
  const [nsA, nsB, nsC] = ['a', 'b', 'c'].map((which) => `millrace-${process.pid}-${made}-${which}`)
  if (nsA === undefined || nsB === undefined || nsC === undefined) throw new Error('three names')
  made++
  const [ip, names] = [program('ip', 'iproute2'), { a: nsA, b: nsB, c: nsC }]
  const under = { a: [ip, 'netns', 'exec', nsA], b: [ip, 'netns', 'exec', nsB], c: [ip, 'netns', 'exec', nsC] }
  const exec: ThreeNamespaces['exec'] = async (where, ...command) => {
    const [first = ip, ...rest] = [...under[where], ...command]
    return (await run(first, rest)).stdout
  }
  try {
    if (made === 1) sweep((await run(ip, ['netns', 'list'])).stdout)
    for (const name of Object.values(names)) {
      await run(ip, ['netns', 'add', name])
      standing.add(name)
    }
    await run(ip, ['link', 'add', 'ab', 'netns', nsA, 'type', 'veth', 'peer', 'name', 'ba', 'netns', nsB])
    await run(ip, ['link', 'add', 'bc', 'netns', nsB, 'type', 'veth', 'peer', 'name', 'cb', 'netns', nsC])
  } catch (error) {
    for (const name of Object.values(names)) remove(name)
    console.log(`      (no network namespaces here, not shown: ${String(error).split('\n')[0] ?? ''})`)
    return undefined
  }
  const legs = [['a', 'ab', [addresses.a, addresses.aToo]], ['b', 'ba', [addresses.b, addresses.bToo]], ['b', 'bc', [addresses.bTowardsC]], ['c', 'cb', [addresses.c]]] as const
  for (const [where, device, own] of legs) {
    for (const address of own) await exec(where, ip, 'addr', 'add', `${address}/24`, 'dev', device)
    await exec(where, ip, 'link', 'set', 'lo', 'up')
    await exec(where, ip, 'link', 'set', device, 'up')
    // Sources that do not exist come in by this leg too, and no error that we provoke is to be held back.
    await exec(where, 'sh', '-c', `for each in all ${device}; do echo 0 >/proc/sys/net/ipv4/conf/$each/rp_filter; done; echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 10000 >/proc/sys/net/ipv4/icmp_msgs_per_sec 2>/dev/null || true`)
  }
  // What B sends to sources that do not exist goes back to A, which knows nothing of them.
  await exec('b', ip, 'route', 'add', 'default', 'via', addresses.a)
  await exec('c', ip, 'route', 'add', 'default', 'via', addresses.bTowardsC)
  return {
    under,
    exec,
    [Symbol.asyncDispose]: async () => {
      for (const name of Object.values(names)) remove(name)
    },
  }
}
