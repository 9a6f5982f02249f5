/**
 * A relay inside the test process, and what must hold at the end of every test that had one: the ledger balances, in bytes and in
 * datagrams, no session is left, and every descriptor that was opened since has been closed again.
 */
import assert from 'node:assert/strict'
import { serve, type Account, type CloseEvent, type Ledger, type OpenEvent, type Pipeline, type RelayEvent, type ServeOptions, type Server, type UpstreamNotice } from '../../lib/index.ts'
import { descriptors, openedSince } from './descriptors.ts'
import { destroyPeers } from './peers.ts'
import { killRawPeers } from './raw-peer.ts'
import { closeUdpPeers } from './udp-peers.ts'
import { until, within } from './until.ts'

export type { CloseEvent, OpenEvent }

export const threads = ['own', 'embedded'] as const
export type Thread = (typeof threads)[number]

/** What `serve` takes: streams, datagrams, or some of both. */
export type Served = Pipeline<'stream'> | Pipeline<'datagram'>

/** MILLRACE_TRANSPORT=splice runs the suite with it. */
const transport = ((asked = process.env['MILLRACE_TRANSPORT'] ?? 'auto') => {
  if (asked === 'auto' || asked === 'copy' || asked === 'splice') return asked
  throw new Error(`MILLRACE_TRANSPORT: expected auto, copy or splice, got "${asked}"`)
})()

/** MILLRACE_IO_URING=off runs it without. */
const ioUring = process.env['MILLRACE_IO_URING'] !== 'off'

/** MILLRACE_PIPE_BYTES=0 runs it without pipes, 1048576 with one. */
const pipeBytes = process.env['MILLRACE_PIPE_BYTES']
const maxPipeBytes = pipeBytes === undefined ? {} : { maxPipeBytes: Number(pipeBytes) }

export type TestRelay = {
  readonly server: Server
  /** Where to connect to the first (or that) pipeline. */
  readonly address: string
  readonly addressOf: (pipeline: number) => string
  readonly events: readonly RelayEvent[]
  /** The close events that have come, after waiting for `count` of them. */
  readonly closes: (count?: number) => Promise<readonly CloseEvent[]>
  /** The first close event. */
  readonly close: () => Promise<CloseEvent>
  /** Waits for `count` open events. */
  readonly opens: (count?: number) => Promise<readonly OpenEvent[]>
  /** Waits for `count` notices about members of sets. */
  readonly notices: (count?: number) => Promise<readonly UpstreamNotice[]>
}

/** Serves, runs the body, and checks what is left. */
export async function withRelay(pipelines: Served | readonly Served[], options: ServeOptions, body: (relay: TestRelay) => Promise<void>): Promise<void> {
  const before = descriptors()
  const list = [pipelines].flat()
  const events: RelayEvent[] = []
  let wake: () => void = () => undefined
  const server = await serve(pipelines, {
    transport,
    ioUring,
    ...maxPipeBytes,
    ...options,
    onEvents(batch) {
      events.push(...batch)
      options.onEvents?.(batch)
      wake()
    },
  })
  const some = async <E extends RelayEvent>(is: (event: RelayEvent) => event is E, count: number, what: string): Promise<E[]> => {
    const found = (): E[] => events.filter(is)
    await within((async () => {
      while (found().length < count) await new Promise<void>((resume) => { wake = resume })
    })(), `${count} ${what} events`, 30_000)
    return found()
  }
  const closes = (count = 1): Promise<CloseEvent[]> => some((event): event is CloseEvent => event.type === 'close', count, 'close')
  try {
    await body({
      server,
      address: addressOf(server, 0),
      addressOf: (pipeline) => addressOf(server, pipeline),
      events,
      closes,
      close: async () => {
        const [first] = await closes()
        assert(first)
        return first
      },
      opens: (count = 1) => some((event): event is OpenEvent => event.type === 'open', count, 'open'),
      notices: (count = 1) => some((event): event is UpstreamNotice => event.type === 'notice' && event.code === 'upstreamState', count, 'upstreamState'),
    })
    await destroyPeers()
    // A stream ends with its peers; a flow is not told that they are gone, and ends with the server.
    const streams = list.map(({ kind }) => kind === 'stream')
    const open = (ledger: Ledger): number => ledger.pipelines.reduce((sum, { sessions }, i) => sum + (streams[i] === true ? sessions.open : 0), 0)
    let ledger = server.ledger()
    const over = (): Promise<void> => until(() => open(ledger = server.ledger()) === 0, () => `the last session to end, ledger ${JSON.stringify(ledger)}`)
    await over()
    while (streams.every((is) => is)) {
      const { accepted } = ledger.sessions
      const left = await server.sessions()
      if (left.length === 0) break
      // The ledger is that of the last turn, and a session that began in the turn of the list was not in it: it is by the end of that turn, before another list.
      await server.sessions()
      assert.ok(server.ledger().sessions.accepted >= accepted + left.length, `sessions that are closed are not listed: ${JSON.stringify(left)}`)
      await over()
    }
  } finally {
    killRawPeers()
    await destroyPeers()
    await closeUdpPeers()
    await server.close({ drainMs: 0 })
    await server.closed
  }
  checkLedger(server)
  await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
}

/** Everything that came in went out, was dropped with a reason, and every session that came is closed with a reason. */
export function checkLedger(server: Pick<Server, 'ledger'>): void {
  const ledger = server.ledger()
  const said = JSON.stringify(ledger)
  assert.equal(ledger.balanced, true, `the ledger balances: ${said}`)
  assert.equal(ledger.sessions.open, 0, said)
  assert.equal(ledger.sessions.accepted, ledger.sessions.closed, said)
  assert.equal(Object.values(ledger.reasons).reduce((sum, count) => sum + count, 0), ledger.sessions.closed, `every close has a reason: ${said}`)
  for (const account of [ledger, ...ledger.pipelines]) {
    checkDirections(account, said)
    assert.deepEqual(account.pipes, { inUse: 0, capacityBytes: 0, bytes: 0 }, said)
  }
}

/** That nothing is pending and that bytes and datagrams add up, direction by direction. */
function checkDirections(account: Account, said: string): void {
  for (const direction of ['toUpstream', 'toDownstream'] as const) {
    const [bytes, datagrams] = [account[direction], account.datagrams[direction]]
    assert.equal(bytes.pending, 0, said)
    assert.equal(bytes.received + bytes.produced, bytes.sent + bytes.consumed + bytes.dropped, `bytes ${direction}: ${said}`)
    const dropped = Object.values(datagrams.dropped)
    assert.equal(datagrams.pending, 0, said)
    assert.equal(datagrams.received + datagrams.produced, datagrams.sent + datagrams.consumed + dropped.reduce((sum, one) => sum + one.datagrams, 0), `datagrams ${direction}: ${said}`)
    assert.ok(dropped.reduce((sum, one) => sum + one.bytes, 0) <= bytes.dropped, `dropped bytes ${direction}: ${said}`)
  }
}

function addressOf(server: Server, pipeline: number): string {
  const found = server.addresses[pipeline]
  assert(found, `pipeline ${pipeline} has an address`)
  return found.text
}
