/** `steer: 'cpu'`: what a CPU receives comes to the shard that is pinned to it. On loopback the CPU that receives is the one that sends. */
import assert from 'node:assert/strict'
import { discard, echo, listen, pipe, stun, tcp, udp, type Pipeline } from '../../lib/index.ts'
import { allowedCpus } from '../../lib/shards.ts'
import { received, sendFrom } from '../support/pinned-sender.ts'
import { withRelay } from '../support/relay.ts'

const [first = 0, second = first] = allowedCpus()
const count = 500

describe('shards that are steered by CPU', function () {
  this.timeout(60_000)
  const pipelines = {
    udp: pipe(listen(udp('127.0.0.1:0')), echo()),
    tcp: pipe(listen(tcp('127.0.0.1:0')), echo()),
  }

  for (const net of ['udp', 'tcp'] as const) {
    // The other way round too, so that no order of the shards makes it come out by itself.
    for (const pin of [[first, second], [second, first]]) {
      it(`have each what its own CPU, ${pin.join(' and ')}, has received over ${net}`, async () => {
        await withRelay([pipelines[net]], { shards: 2, pin, steer: 'cpu' }, async ({ address, server }) => {
          const shards = () => server.ledger().shards
          assert.match(server.explain, new RegExp(`2 shards, pinned to CPUs ${pin.join(', ')}, chosen by the CPU that receives$`))
          await sendFrom(first, net, address, count)
          const early = await received(shards, count)
          await sendFrom(second, net, address, count)
          const late = (await received(shards, 2 * count)).map((all, shard) => all - (early[shard] ?? 0))
          console.log(`      from CPU ${first}: ${early.join(' and ')}; from CPU ${second}: ${late.join(' and ')}`)
          assert.deepEqual([early, late], pin[0] === first ? [[count, 0], [0, count]] : [[0, count], [count, 0]])
        })
      })
    }
  }

  it('have what other CPUs receive by their numbers, where none is pinned', async () => {
    await withRelay([pipelines.udp], { shards: 2, steer: 'cpu' }, async ({ address, server }) => {
      await sendFrom(first, 'udp', address, count)
      assert.deepEqual(await received(() => server.ledger().shards, count), first % 2 === 0 ? [count, 0] : [0, count])
    })
  })

  it('take every sink that has no flows to keep together', async () => {
    const some: readonly Pipeline<'datagram'>[] = [stun(), discard(), echo()].map((sink) => pipe(listen(udp('127.0.0.1:0')), sink))
    await withRelay(some, { shards: 2, steer: 'cpu' }, () => Promise.resolve())
  })
})
