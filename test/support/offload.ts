/**
 * Three namespaces as in three-namespaces.ts with IPv6 beside IPv4 and forwarding on in B, peers to ask and be asked, and what there is of nftables in B.
 *
 *       A                    B                     C
 *   fd77:1::2   ── ab ──  fd77:1::1
 *                         fd77:2::1  ── bc ──  fd77:2::2
 */
import { child, plainEnv, root, type Child } from './child.ts'
import { installed } from './installed.ts'
import { field } from './json.ts'
import { threeNamespaces, type ThreeNamespaces } from './three-namespaces.ts'

export const six = { a: 'fd77:1::2', b: 'fd77:1::1', bTowardsC: 'fd77:2::1', c: 'fd77:2::2' } as const
const peers = `${root}test/support/offload_peers.py`

export type Question = { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly port: number; /** Where from: `10.77.3.2`, `10.77.3.2@5000`. */ readonly source?: string; readonly text?: string }

export type OffloadNet = ThreeNamespaces & {
  /** What came back for each, or the name of the error. */
  ask(where: 'a' | 'b', questions: readonly Question[]): Promise<readonly string[]>
  /** Answers at the ranges of ports, given as first and last, until disposed of. */
  echo(where: 'b' | 'c', ...ranges: readonly number[]): Promise<Child>
  /** Holds a connection, a flow or (unless told) both open from A. */
  hold(host: string, port: number, ...kinds: readonly ('tcp' | 'udp')[]): Holding
  sysctl(...settings: readonly string[]): Promise<void>
  /** The names of B's tables. */
  tables(): Promise<readonly string[]>
}

export type Holding = Child & { ask(text: string): Promise<readonly string[]> }

/** Undefined, said aloud, where namespaces or nft are not to be had. */
export async function offloadNet(): Promise<OffloadNet | undefined> {
  const net = installed('nft') ? await threeNamespaces() : undefined
  if (net === undefined) return undefined
  const legs = [['a', 'ab', six.a], ['b', 'ba', six.b], ['b', 'bc', six.bTowardsC], ['c', 'cb', six.c]] as const
  for (const [where, device, address] of legs) await net.exec(where, 'ip', 'addr', 'add', `${address}/64`, 'dev', device, 'nodad')
  const sysctl: OffloadNet['sysctl'] = async (...settings) => {
    await net.exec('b', 'sysctl', '-qw', ...settings)
  }
  await sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const start = (where: 'a' | 'b' | 'c', args: readonly string[]): Child => {
    const [command = '', ...rest] = [...net.under[where], 'python3', peers, ...args]
    return child(command, rest, { env: plainEnv(), stdin: 'pipe' })
  }
  return {
    ...net,
    async ask(where, questions) {
      const args = questions.flatMap(({ kind, host, port, source = '-', text = 'hello' }) => [kind, host, `${port}`, source, text])
      return texts(await net.exec(where, 'python3', peers, 'ask', ...args))
    },
    async echo(where, ...ranges) {
      const echo = start(where, ['echo', ...ranges.map(String)])
      await echo.line(/^ready$/)
      return echo
    },
    hold(host, port, ...kinds) {
      const holding = start('a', ['hold', host, `${port}`, ...(kinds.length === 0 ? ['tcp', 'udp'] : kinds)])
      return {
        ...holding,
        async ask(text) {
          holding.process.stdin?.write(`${text}\n`)
          return texts((await holding.line(new RegExp(`^\\[.*(?:${text}|Error).*\\]$`)))[0])
        },
      }
    },
    sysctl,
    async tables() {
      return (await net.exec('b', 'nft', 'list', 'tables')).split('\n').flatMap((line) => line.split(' ')[2] ?? [])
    },
  }
}

function texts(json: string): readonly string[] {
  const parsed: unknown = JSON.parse(json)
  return Array.isArray(parsed) ? parsed.map(String) : []
}

/** The JSON lines that a `millrace` has printed, of one type. */
export function jsonOf(printed: string, type: string): readonly unknown[] {
  return printed.split('\n').filter((line) => line.startsWith('{')).map((line): unknown => JSON.parse(line)).filter((one) => field(one, 'type') === type)
}
