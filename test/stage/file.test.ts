/** Files of networks in a relay that runs: `allow`, `deny`, `remoteAddress` and `proxyProtocol` follow them. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allow, close, deny, echo, file, listen as from, otherwise, pipe, proxyProtocol, remoteAddress, reset, route, tcp, udp, when, type ServeOptions } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { temporaryFolder } from '../support/programs.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

const runs: readonly (readonly [what: string, options: ServeOptions])[] = [['own thread', { thread: 'own' }], ['embedded thread', { thread: 'embedded' }], ['three shards', { shards: 3 }]]

for (const [what, options] of runs) {
  describe(`file, ${what}`, () => {
    let folder: ReturnType<typeof temporaryFolder>
    let path: string
    beforeEach(() => {
      folder = temporaryFolder()
      path = join(folder.path, 'networks.txt')
    })
    afterEach(async () => {
      folder[Symbol.dispose]()
      await closeUdpPeers()
    })

    /** As an editor saves it. Waits until it has been told of. */
    async function replace(relay: TestRelay, text: string): Promise<{ readonly code: string; readonly message: string }> {
      const notices = () => relay.events.flatMap((event) => (event.type === 'notice' && (event.code === 'fileChanged' || event.code === 'fileUnusable') ? [event] : []))
      const before = notices().length
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
      await until(() => notices().length > before, 'the change to be told')
      const [first, ...others] = notices().slice(before)
      assert(first !== undefined && others.length === 0)
      assert.equal(first.path, path)
      return first
    }

    /** What becomes of several sessions, which many shards share. */
    async function told(relay: TestRelay, head = ''): Promise<string> {
      const answers = await Promise.all(Array.from({ length: 8 }, async () => {
        const downstream = await connect(relay.address)
        await downstream.end(`${head}hello`).catch(() => undefined)
        return (await downstream.readAll()).text
      }))
      assert.equal(new Set(answers).size, 1, answers.join(', '))
      return answers[0] ?? ''
    }

    it('allow: who is let in changes with it, open sessions stay, and a wrong line changes nothing', async () => {
      writeFileSync(path, '127.0.0.0/8\n')
      await withRelay(pipe(from(tcp('127.0.0.1:0')), allow(file(path)), echo()), options, async (relay) => {
        const open = await connect(relay.address)
        await open.send('one')
        assert.equal((await open.read(3)).toString(), 'one')
        assert.equal(await told(relay), 'hello')
        const changed = await replace(relay, '10.0.0.0/8\n192.0.2.0/24')
        assert.deepEqual([changed.code, changed.message], ['fileChanged', `${path} has 2 networks now`])
        assert.equal(await told(relay), '')
        await open.send('two')
        assert.equal((await open.read(3)).toString(), 'two')
        const { code, message } = await replace(relay, '127.0.0.0/8\nlocalhost')
        assert.deepEqual([code, message], ['fileUnusable', `${path}:2: "localhost" is not a CIDR: "localhost" is not an IPv4 or IPv6 address`])
        assert.equal(await told(relay), '')
        assert.equal((await replace(relay, '127.0.0.0/8')).code, 'fileChanged')
        assert.equal(await told(relay), 'hello')
        await open.end()
        await open.readAll()
      })
    })

    it('deny, remoteAddress and proxyProtocol, from one file', async () => {
      writeFileSync(path, '192.0.2.0/24')
      const pipeline = pipe(from(tcp('127.0.0.1:0')), proxyProtocol({ from: [file(path)] }), deny(file(path)), route(when(remoteAddress(file(path)), reset()), otherwise(echo())))
      await withRelay(pipeline, options, async (relay) => {
        const header = 'PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n'
        // Nobody's proxy: its bytes are its own.
        assert.equal(await told(relay, header), `${header}hello`)
        await replace(relay, '127.0.0.1')
        assert.equal(await told(relay, header), 'hello')
        assert.equal(await told(relay, 'PROXY UNKNOWN\r\n'), '')
        await replace(relay, '127.0.0.1\n198.51.100.0/24')
        assert.equal(await told(relay, header), '')
      })
    })

    it('a flow of datagrams stays, and the next one is asked anew', async () => {
      writeFileSync(path, '127.0.0.0/8')
      await withRelay(pipe(from(udp('127.0.0.1:0')), allow(file(path)), route(when(remoteAddress(file(path)), echo()), otherwise(close()))), options, async (relay) => {
        const [one, other] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        assert.equal(await one.ask('a'), 'a')
        await replace(relay, '# nobody')
        assert.equal(await one.ask('b'), 'b')
        await other.send('c')
        await until(() => relay.server.ledger().datagrams.toUpstream.dropped.policy.datagrams === 1, 'the other to be refused')
        await replace(relay, '127.0.0.1')
        assert.equal(await other.ask('d'), 'd')
      })
    })
  })
}
