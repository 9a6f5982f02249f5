/** Pitfall 2.6: a source address has so many ports to one upstream and no more, so several take turns, and one that has none left is passed over. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** TEST-NET-3 of RFC 5737: nobody has it, so bind(2) says EADDRNOTAVAIL. */
const [notOurs, norThis] = ['203.0.113.1', '203.0.113.2']

for (const thread of threads) {
  describe(`several source addresses, ${thread} thread`, () => {
    it('10 ports and 3 addresses are 30 sessions at once; the 31st ends as EADDRNOTAVAIL, and has a port as soon as one is free', async () => {
      const found = await inNamespace('sysctl -qw net.ipv4.ip_local_port_range="40000 40009"', 'sources-case.ts', [thread, 'stream', '10'])
      if (found === undefined) return
      assert.deepEqual(found, {
        open: 30,
        first: ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.2'],
        from: { '127.0.0.2': 10, '127.0.0.3': 10, '127.0.0.4': 10 },
        refused: { reason: 'connectFailed', error: 'EADDRNOTAVAIL' },
        after: '127.0.0.3',
      })
    })

    it('one that is not of this machine is passed over, without a retry', async () => {
      const listener = await listen()
      const sink = forward(tcp(listener.address), { sourceAddress: [notOurs, '127.0.0.9', '127.0.0.8'], retries: 0 })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), sink), { thread }, async (relay) => {
        const hosts: (string | undefined)[] = []
        for (let i = 0; i < 4; i++) {
          await connect(relay.address)
          hosts.push((await listener.accept()).socket.remoteAddress)
        }
        assert.deepEqual(hosts, ['127.0.0.9', '127.0.0.8', '127.0.0.9', '127.0.0.8'])
      })
    })

    it('when none is of this machine the attempts are used up', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address), { sourceAddress: [notOurs, norThis], retries: 1 })), { thread }, async (relay) => {
        await (await connect(relay.address)).readAll()
        const { reason, error, durationMs } = await relay.close()
        assert.deepEqual({ reason, error }, { reason: 'connectFailed', error: 'EADDRNOTAVAIL' })
        assert.ok(durationMs >= 50, `one retry, after 50 ms: ${durationMs} ms`)
        assert.equal(listener.count(), 0)
      })
    })

    it('an upstream that refuses is not asked again from the next one', async () => {
      const port = await unusedPort()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`127.0.0.1:${port}`), { sourceAddress: ['127.0.0.8', '127.0.0.9'], retries: 0 })), { thread }, async (relay) => {
        await (await connect(relay.address)).readAll()
        assert.equal((await relay.close()).reason, 'connectRefused')
      })
    })

    it('only those of the upstream’s family are used; where there is none the system chooses', async () => {
      const [four, six] = [await listen(), await listen({ host: '::1' })]
      const both = { sourceAddress: ['::1', '127.0.0.9'] }
      const pipelines = [forward(tcp(four.address), both), forward(tcp(six.address), both), forward(tcp(four.address), { sourceAddress: '::1' })].map((sink) => pipe(from(tcp('127.0.0.1:0')), sink))
      await withRelay(pipelines, { thread }, async (relay) => {
        const hosts: (string | undefined)[] = []
        for (const [i, listener] of [four, six, four].entries()) {
          await connect(relay.addressOf(i))
          hosts.push((await listener.accept()).socket.remoteAddress)
        }
        assert.deepEqual(hosts, ['127.0.0.9', '::1', '127.0.0.1'])
      })
    })
  })
}
