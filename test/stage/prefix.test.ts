import assert from 'node:assert/strict'
import { any, close, forward, listen as from, not, otherwise, pipe, prefix, route, tcp, when } from '../../lib/index.ts'
import { connect, listen, type Listener } from '../support/peers.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'

/** Who of the upstreams gets what is sent in these pieces, and that it gets all of it. */
async function whereGoes(relay: TestRelay, upstreams: Readonly<Record<string, Listener>>, pieces: readonly string[]): Promise<string> {
  const downstream = await connect(relay.address)
  for (const piece of pieces) await downstream.send(piece)
  await downstream.end()
  const [name, peer] = await Promise.race(Object.entries(upstreams).map(async ([key, listener]) => [key, await listener.accept()] as const))
  assert.equal((await peer.readAll()).text, pieces.join(''))
  await peer.end()
  await downstream.readAll()
  return name
}

for (const thread of threads) {
  describe(`route by prefix, ${thread} thread`, () => {
    it('sends each stream where its first bytes say, byte by byte or at once', async () => {
      for (const [text, expected] of [['SSH-2.0-x\r\n', 'ssh'], ['GET / HTTP/1.1\r\n\r\n', 'http'], ['POST /', 'http'], ['\x16\x03\x01hello', 'other'], ['S', 'other'], ['', 'other']] as const) {
        for (const pieces of [[text], text.match(/./gs) ?? []]) {
          const upstreams = { ssh: await listen(), http: await listen(), other: await listen() }
          const pipeline = pipe(
            from(tcp('127.0.0.1:0')),
            route(
              when(prefix('SSH-'), forward(tcp(upstreams.ssh.address))),
              when(any(prefix('GET '), prefix(Buffer.from('POST '))), forward(tcp(upstreams.http.address))),
              otherwise(forward(tcp(upstreams.other.address))),
            ),
          )
          await withRelay(pipeline, { thread }, async (relay) => {
            assert.equal(await whereGoes(relay, upstreams, pieces), expected, JSON.stringify(pieces))
          })
        }
      }
    })

    it('not: everything else goes on, and no match closes', async () => {
      const upstream = await listen()
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(not(prefix('QUIT')), forward(tcp(upstream.address))), otherwise(close())))
      await withRelay(pipeline, { thread }, async (relay) => {
        assert.equal(await whereGoes(relay, { upstream }, ['QUI', 'CK']), 'upstream')
        const quitter = await connect(relay.address)
        await quitter.send('QUIT')
        assert.equal((await quitter.readAll()).bytes, 0)
        await quitter.end()
        assert.equal((await relay.closes(2)).at(-1)?.reason, 'closedByPlan')
      })
    })
  })
}
