/**
 * Random histories of sends, answers, stalls, expiries and verdicts against a model: everybody gets what the model says, in its order, and
 * the ledger says what became of the rest. MILLRACE_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sanitized } from '../support/child.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { account, asCounts, clients, emptyModel, histories, modelled, type Model, type Step, type Verdict } from '../support/flow-model.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { seed } from '../support/seeded.ts'
import { udpPeer, type UdpPeer } from '../support/udp-peers.ts'
import { stall, until } from '../support/until.ts'

type Side = { readonly peer: UdpPeer; readonly got: string[] }

/** One history; resolves to whether no flow has expired when nobody meant it to. */
async function play(steps: readonly Step[], withHandlers: boolean): Promise<boolean> {
  const upstream = await udpPeer()
  const model = emptyModel()
  let errors = 0
  let exact = true
  await withRelay(modelled(upstream, withHandlers), { thread: withHandlers ? 'embedded' : 'own', onError: () => { errors++ } }, async (relay) => {
    const sides: Side[] = []
    for (let i = 0; i < clients; i++) sides.push({ peer: await udpPeer(relay.address), got: [] })
    const atUpstream = Array.from({ length: clients }, (): string[] => [])
    /** Where the upstream has last heard of a client: its flow, for as long as it lives. */
    const flowOf: (string | undefined)[] = []
    let number = 0
    let meant = 0
    const unmeant = (): number => relay.server.ledger().sessions.closed - meant
    for (const side of sides) side.peer.socket.on('message', (bytes: Buffer) => side.got.push(bytes.toString()))
    upstream.socket.on('message', (bytes: Buffer, { address, port }) => {
      const text = bytes.toString()
      const client = Number(/ of (\d)$/.exec(text)?.[1])
      atUpstream[client]?.push(text)
      if (!text.startsWith('back: ')) flowOf[client] = `${address}:${port}`
    })
    const written = (client: number, verdicts: readonly Verdict[]): string[] => verdicts.map((verdict) => `${verdict} ${number++} of ${client}`)
    const settle = async (): Promise<void> => {
      if (unmeant() > 0) exact = false
      if (exact) await settled(relay, model, sides, atUpstream, () => unmeant() > 0)
      if (unmeant() > 0) exact = false
    }

    for (const step of steps) {
      switch (step.do) {
        case 'send': {
          const texts = written(step.client, step.verdicts)
          for (const text of texts) account(model, 'toUpstream', step.client, text)
          const { peer } = sides[step.client] ?? {}
          assert(peer)
          await peer.burst(texts)
          break
        }
        case 'answer': {
          await settle()
          const to = flowOf[step.client]
          if (to === undefined || !exact) break
          const texts = written(step.client, step.verdicts)
          for (const text of texts) account(model, 'toDownstream', step.client, text)
          await upstream.burst(texts, to)
          await settle()
          break
        }
        case 'stall':
          stall(step.ms)
          break
        case 'expire':
          await settle()
          await until(() => relay.server.ledger().sessions.open === 0, 'all flows to expire')
          flowOf.length = 0
          if (exact) meant = relay.server.ledger().sessions.closed
      }
    }
    await settle()
    if (!exact) return
    assert.deepEqual([sides.map(({ got }) => got), atUpstream], [model.clientGets, model.upstreamGets])
    for (const direction of ['toUpstream', 'toDownstream'] as const) await ledgerSays(relay.server, direction, asCounts(model[direction]))
    assert.equal(errors, model.errors)
  })
  return exact
}

/** Everything that was sent has come to where it goes. */
async function settled(relay: TestRelay, model: Model, sides: readonly Side[], atUpstream: readonly string[][], disturbed: () => boolean): Promise<void> {
  const all = (have: readonly (readonly string[])[], want: readonly (readonly string[])[]): boolean => have.every((list, i) => list.length >= (want[i]?.length ?? 0))
  const { toUpstream, toDownstream } = model
  await until(() => {
    if (disturbed()) return true
    const { datagrams } = relay.server.ledger()
    if (datagrams.toUpstream.received < toUpstream.received || datagrams.toDownstream.received < toDownstream.received) return false
    return all(sides.map(({ got }) => got), model.clientGets) && all(atUpstream, model.upstreamGets)
  }, () => JSON.stringify({ model, got: sides.map(({ got }) => got), atUpstream, datagrams: relay.server.ledger().datagrams }))
}

describe('a relay for datagrams and its model', function () {
  this.timeout(300_000)

  for (const [what, withHandlers] of [['with handlers', true], ['without a handler, on its own thread', false]] as const) {
    it(`agree about every history, ${what}`, async () => {
      let exact = 0
      let played = 0
      const property = fc.asyncProperty(histories(withHandlers), async (steps) => {
        played++
        if (await play(steps, withHandlers)) exact++
      })
      await fc.assert(property, { seed: seed() | 0, numRuns: sanitized ? 10 : 40, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: false })
      console.log(`      ${exact} of ${played} histories to the last datagram`)
      assert.ok(exact > 0, 'in none was the machine quiet enough')
    })
  }
})
