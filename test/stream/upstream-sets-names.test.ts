/** Names and services as members of a set: resolved again by TTL, and used on while that fails. */
import assert from 'node:assert/strict'
import { Resolver as DnsResolver } from 'node:dns/promises'
import { forward, listen as from, pipe, srv, tcp, upstreams } from '../../lib/index.ts'
import type { MemberLike, Resolver, ServiceResolver } from '../../lib/index.ts'
import { askService } from '../../lib/upstreams/service-query.ts'
import { child, plainEnv, type Child } from '../support/child.ts'
import { connect, listen } from '../support/peers.ts'
import type { Listener } from '../support/peers.ts'
import { program } from '../support/programs.ts'
import { eventually } from '../support/proc.ts'
import { withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const toSet = (...members: readonly MemberLike<'stream'>[]) => pipe(from(tcp('127.0.0.1:0')), forward(upstreams(members)))

/** One upstream at several addresses, at one port, each of which says where it is. */
async function atAddresses(count: number): Promise<readonly Listener[]> {
  const first = await listen({ port: await unusedPort(), onPeer: (peer) => void peer.end('1') })
  const others = Array.from({ length: count - 1 }, (_, i) => listen({ host: `127.0.0.${i + 2}`, port: first.port, onPeer: (peer) => void peer.end(String(i + 2)) }))
  return [first, ...await Promise.all(others)]
}

async function ask(relay: TestRelay): Promise<string> {
  const peer = await connect(relay.address)
  await peer.end()
  return (await peer.readAll()).text
}

const listed = async (relay: TestRelay): Promise<readonly string[]> => (await relay.server.upstreams()).map(({ upstream, state }) => `${upstream} ${state}`)

/** A name server with these services and names, whose answers may be kept for a second. */
async function nameServer(port: number, ...records: readonly string[]): Promise<Child> {
  const flags = ['--no-daemon', '--no-resolv', '--no-hosts', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--pid-file=', '--user=', '--log-facility=-', '--local-ttl=1']
  const server = child(program('dnsmasq', 'dnsmasq-base'), [...flags, ...records], { env: plainEnv() })
  await server.line(/started/)
  return server
}

describe('names and services in a set', function () {
  this.timeout(60_000)

  it('a name is a member for each of its addresses, beside others, and an address that it had goes on while it cannot be resolved', async () => {
    const [a, b, c] = await atAddresses(3)
    assert(a && b && c)
    const answers = [['127.0.0.1', '127.0.0.2'], ['127.0.0.2'], undefined]
    let stage = 0
    const resolver: Resolver = () => {
      const found = answers[stage]
      return found === undefined ? Promise.reject(new Error('no server')) : Promise.resolve(found.map((address) => ({ address, ttl: 1 })))
    }
    await withRelay(toSet(tcp(`app.test:${a.port}`), tcp(c.address)), { resolver }, async (relay) => {
      await eventually('the first answer', async () => (await listed(relay)).length === 3)
      const said = [await ask(relay), await ask(relay), await ask(relay)]
      assert.deepEqual(said.toSorted(), ['1', '2', '3'])
      stage = 1
      await eventually('the second answer', async () => !(await listed(relay)).some((one) => one.startsWith('127.0.0.1:')))
      stage = 2
      await eventually('the failure', () => relay.events.some((event) => event.type === 'notice' && event.code === 'nameUnresolved'))
      assert.deepEqual((await listed(relay)).toSorted(), [`${b.address} healthy`, `${c.address} healthy`])
      assert.deepEqual([await ask(relay), await ask(relay)].toSorted(), ['2', '3'])
    })
  })

  it('a session waits for the first answer where no member is known yet', async () => {
    const [a] = await atAddresses(1)
    assert(a)
    let answer: () => void = () => undefined
    const known = new Promise<void>((resume) => { answer = resume })
    const resolver: Resolver = async () => {
      await known
      return [{ address: '127.0.0.1', ttl: 60 }]
    }
    await withRelay(toSet(tcp(`late.test:${a.port}`)), { resolver }, async (relay) => {
      const peer = await connect(relay.address)
      await eventually('it to wait', async () => (await relay.server.sessions())[0]?.state === 'resolving')
      answer()
      assert.equal((await peer.readAll()).text, '1')
      await peer.end()
    })
  })

  it('the records of a service say where, in which order and how much; a target that fails keeps its addresses', async () => {
    const [a, b, c] = await atAddresses(3)
    assert(a && b && c)
    const record = (name: string, priority: number, weight: number) => ({ name, port: a.port, priority, weight, ttl: 1 })
    let failing = ''
    const serviceResolver: ServiceResolver = (service) => Promise.resolve(service === '_app._tcp.test' ? [record('one.test', 10, 3), record('two.test', 10, 0), record('three.test', 20, 1), record('bad name', 1, 1)] : [])
    const resolver: Resolver = (name) => {
      if (name === failing) return Promise.reject(new Error('no server'))
      return Promise.resolve([{ address: `127.0.0.${['', 'one.test', 'two.test', 'three.test'].indexOf(name)}`, ttl: 1 }])
    }
    await withRelay(toSet(srv('_app._tcp.test')), { serviceResolver, resolver }, async (relay) => {
      const said: string[] = []
      for (let i = 0; i < 4; i++) said.push(await ask(relay))
      assert.deepEqual(said.toSorted(), ['1', '1', '1', '2'], 'a weight of 0 counts as 1, and the higher priority waits')
      failing = 'one.test'
      await a.close()
      await b.close()
      assert.equal(await ask(relay), '3')
      assert.deepEqual((await listed(relay)).map((one) => one.replace(/ .*/, '')).toSorted(), [a.address, b.address, c.address])
    })
  })

  it('are followed as a real name server has them, and used on when it is gone', async () => {
    const [a, b] = await atAddresses(2)
    assert(a && b)
    const port = await unusedPort()
    const service = '--srv-host=_app._tcp.example.test'
    const dns = new DnsResolver({ timeout: 1_000, tries: 1 })
    dns.setServers([`127.0.0.1:${port}`])
    const resolver: Resolver = (name) => dns.resolve4(name, { ttl: true })
    const serviceResolver: ServiceResolver = async (name) => {
      const found = await askService(name, [`127.0.0.1:${port}`])
      if (found === undefined) throw new Error('no answer')
      return found
    }
    const addresses = ['--host-record=one.example.test,127.0.0.1', '--host-record=two.example.test,127.0.0.2']
    await using first = await nameServer(port, ...addresses, `${service},one.example.test,${a.port},5,7`)
    assert.deepEqual(await askService('_app._tcp.example.test', [`127.0.0.1:${port}`]), [{ name: 'one.example.test', port: a.port, priority: 5, weight: 7, ttl: 1 }])
    await withRelay(toSet(srv('_app._tcp.example.test')), { resolver, serviceResolver }, async (relay) => {
      assert.equal(await ask(relay), '1')
      await first[Symbol.asyncDispose]()
      await using second = await nameServer(port, ...addresses, `${service},two.example.test,${a.port},5,7`)
      await eventually('the other target', async () => (await listed(relay)).includes(`${b.address} healthy`))
      assert.equal(await ask(relay), '2')
      const before = relay.events.length
      await second[Symbol.asyncDispose]()
      await eventually('it to be missed', () => relay.events.slice(before).some((event) => event.type === 'notice' && event.code === 'nameUnresolved' && event.name === '_app._tcp.example.test'))
      assert.equal(await ask(relay), '2')
    })
  })
})
