/** Where a proxy leads nobody unless it is told to: every way of writing a private destination, and names that change their mind. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { allow, httpConnect, httpProxy, listen as from, pipe, socks5, socks5Proxy, tcp, unix, user, type Endpoint, type ProxyOptions, type ServeOptions } from '../../lib/index.ts'
import { field } from '../support/json.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay, type TestRelay, type Thread } from '../support/relay.ts'
import { ask } from '../support/socks.ts'
import { pause } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const source = () => from(tcp('127.0.0.1:0'))

/** IPv6 that carries 127.0.0.1 or 10.0.0.1 in the way of some tunnel or translator. */
const carriers = [
  '::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:127.0.0.1', '::FFFF:10.0.0.1', '::127.0.0.1', '::7f00:1', '::a00:1', '64:ff9b::127.0.0.1', '64:ff9b::7f00:1', '64:FF9B::a00:1', '64:ff9b:1::127.0.0.1',
  '64:ff9b:1:ffff::1', '2002:7f00:1::', '2002:7f00:0001::1', '2002:a00:1:1::1', '2002:a9fe:a9fe::1', '2002:c0a8:101::1', '::ffff:0:127.0.0.1', '::ffff:0:a00:1', '2600:1::5efe:127.0.0.1', '2600:1::200:5efe:a00:1',
  '2600:1::5efe:c0a8:101', '2001::1', '2001:0:7f00:1::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2',
]
/** Loopback, unspecified, private, link-local, multicast, reserved; where clouds keep their credentials. */
const addresses = [
  '127.0.0.1', '127.0.0.2', '127.1.2.3', '127.255.255.254', '0.0.0.0', '0.0.0.1', '0.255.255.255', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.100.100.200', '168.63.129.16', '169.254.169.254', '169.254.170.2',
  '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.0.192', '192.88.99.1', '192.168.0.1', '192.168.255.255', '198.18.0.1', '198.19.255.255', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255',
  '::', '::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::0:1', '0::1', 'fc00::1', 'fd00:ec2::254', 'FD00::1', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1', '100::1', '::2',
]
/** What some resolvers and libraries take for an address: neither an address nor a name. */
const numbers = [
  '2130706433', '0x7f000001', '0x7F000001', '017700000001', '0177.0.0.1', '0x7f.0.0.1', '0x7f.1', '127.1', '127.0.1', '127.0.0.01', '127.00.0.1', '127.0.0.0x1', '127.0.0.1.', '1.0x7f', '0', '0.', '0x0', '00.0.0.0', '127.0.0.256', '256.0.0.1',
  '127.0.0.1%lo', '::1%lo', '[127.0.0.1]', '127.0.0.1:80', '127.0.0.1 ', ' 127.0.0.1', '127.0.0.1\0', '127.0.0.1\0.example', '127。0。0。1', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', '1.1.1.1@127.0.0.1', '127.0.0.1/', '127.0.0.1#', '..', '.localhost', 'a..b',
]
const names: Readonly<Record<string, readonly string[]>> = {
  'localhost': ['127.0.0.1', '::1'], 'foo.localhost': ['127.0.0.1'], 'loopback.example': ['127.0.0.1'], 'six.example': ['::1'], 'private.example': ['10.0.0.1'], 'metadata.google.internal': ['169.254.169.254'],
  'mapped.example': ['::ffff:127.0.0.1'], 'hexmapped.example': ['::ffff:7f00:1'], 'nat64.example': ['64:ff9b::7f00:1'], 'zero.example': ['0.0.0.0'], 'unspecified.example': ['::'], 'scoped.example': ['fe80::1%lo'],
  'mixed.example': ['192.0.2.1', '127.0.0.1'], 'mixed6.example': ['2001:db8::1', '::1'], 'last.example': [...Array.from({ length: 63 }, (_, i) => `192.0.2.${i + 1}`), '10.0.0.1'],
}
const spellings = ['localhost', 'LOCALHOST', 'LocalHost.', 'localhost.', 'Mixed.Example', ...Object.keys(names)]

const table = async (name: string) => (names[name] ?? []).map((address) => ({ address, ttl: 60 }))

/** Listeners at one port of places that nobody may reach; none where this machine has no such place. */
async function traps(): Promise<{ readonly port: number; readonly reached: () => number }> {
  const first = await listen({ host: '127.0.0.1', port: await unusedPort() })
  const more = await Promise.all(['127.0.0.2', '127.1.2.3', '::1'].map((host) => listen({ host, port: first.port })))
  return { port: first.port, reached: () => [first, ...more].reduce((sum, one) => sum + one.count(), 0) }
}

/** What a SOCKS5 server and an HTTP proxy say to one destination; 0: nothing, it was no HTTP. */
async function asked(relay: TestRelay, host: string, port: number): Promise<{ readonly code: number; readonly status: number }> {
  const over = await connect(relay.addressOf(0))
  const { code } = await ask(over, host, port)
  over.destroy()
  const other = await connect(relay.addressOf(1))
  await other.send(`CONNECT ${net.isIPv6(host.split('%')[0] ?? '') ? `[${host}]` : host}:${port} HTTP/1.1\r\n\r\n`)
  const status = Number(String(await other.read(12).catch(() => '')).slice(9))
  other.destroy()
  return { code, status }
}

const both = (thread: Thread, options: ProxyOptions, body: (relay: TestRelay) => Promise<void>, more: ServeOptions = {}): Promise<void> =>
  withRelay([pipe(source(), socks5({ connectTimeoutMs: 10_000, retries: 0, ...options })), pipe(source(), httpConnect({ connectTimeoutMs: 10_000, retries: 0, ...options }))], { thread, resolver: table, ...more }, body)

for (const thread of threads) {
  describe(`forbidden destinations, ${thread} thread`, () => {
    afterEach(destroyPeers)

    it(`none of ${addresses.length + carriers.length} addresses is reached, over SOCKS5 or CONNECT`, async () => {
      const { port, reached } = await traps()
      await both(thread, { ports: ['1-65535'] }, async (relay) => {
        for (const host of [...addresses, ...carriers]) assert.deepEqual(await asked(relay, host, port), { code: 2, status: 403 }, host)
        assert.equal(reached(), 0)
      })
    })

    it(`none of ${numbers.length} ways to write a number, or what else is no name, is taken for an address`, async () => {
      const { port, reached } = await traps()
      let lookedUp = 0
      await both(thread, { ports: ['1-65535'] }, async (relay) => {
        for (const host of numbers) {
          const { code, status } = await asked(relay, host, port)
          assert.deepEqual({ code, status }, { code: 4, status: host.includes(' ') || host.includes('\0') ? 0 : 400 }, JSON.stringify(host))
        }
        assert.deepEqual([reached(), lookedUp], [0, 0])
      }, { resolver: async () => (lookedUp++, [{ address: '127.0.0.1', ttl: 1 }]) })
    })

    it(`none of ${spellings.length} names that lead there is followed, not even where other addresses are good`, async () => {
      const { port, reached } = await traps()
      await both(thread, { ports: ['1-65535'] }, async (relay) => {
        for (const host of spellings) assert.deepEqual(await asked(relay, host, port), { code: 2, status: 403 }, host)
        assert.equal(reached(), 0)
      })
    })

    it('localhost by the names of the system is not followed', async () => {
      const { port, reached } = await traps()
      await withRelay(pipe(source(), socks5()), { thread }, async (relay) => {
        for (const host of ['localhost', 'LOCALHOST.']) {
          const peer = await connect(relay.address)
          assert.equal((await ask(peer, host, port)).code, 2)
          peer.destroy()
        }
        assert.equal(reached(), 0)
      })
    })

    it('a name that is rebound between the check and the connect is looked up once, and what was checked is dialled', async () => {
      const { port, reached } = await traps()
      const lookups: string[] = []
      const resolver = async (name: string) => (lookups.push(name), [{ address: lookups.length === 1 ? '127.255.255.255' : '127.0.0.1', ttl: 0 }])
      // 127.255.255.255 stands for a public address: it may be reached, and is not there.
      await withRelay(pipe(source(), socks5({ allow: ['127.255.255.255/32'], retries: 2 })), { thread, resolver }, async (relay) => {
        const peer = await connect(relay.address)
        assert.equal((await ask(peer, 'rebind.example', port)).code, 3)
        peer.destroy()
        const { upstream, reason } = await relay.close()
        assert.deepEqual([upstream, reason], [`127.255.255.255:${port}`, 'connectUnreachable'])
        assert.deepEqual(lookups, ['rebind.example'])
        assert.equal(reached(), 0)
      })
    })

    it('a name that is rebound behind a good answer is refused as soon as that is asked for again', async () => {
      const good = await listen({ host: '127.0.0.3', port: await unusedPort() })
      const trap = await listen({ host: '127.0.0.1', port: good.port })
      let count = 0
      const resolver = async () => [{ address: count++ === 0 ? '127.0.0.3' : '127.0.0.1', ttl: 1 }]
      await withRelay(pipe(source(), socks5({ allow: ['127.0.0.3/32'] })), { thread, resolver }, async (relay) => {
        let [opened, code] = [0, 0]
        while (code === 0) {
          const peer = await connect(relay.address)
          ;({ code } = await ask(peer, 'rebind.example', good.port))
          if (code === 0) {
            opened++
            ;(await good.accept()).destroy()
          }
          peer.destroy()
          // Some 200 of them in the second for which the good answer holds.
          await pause(5)
        }
        assert.deepEqual([code, count, trap.count()], [2, 2, 0])
        assert.ok(opened > 0)
      })
    })

    it('`allow` opens exactly what it says', async () => {
      const { port, reached } = await traps()
      for (const [networks, open, shut] of [
        [['127.0.0.2/32'], ['127.0.0.2', '::ffff:127.0.0.2'], ['127.0.0.1', '127.1.2.3', '::1', '192.0.2.1', '2002:7f00:2::1']],
        [['127.0.0.0/30'], ['127.0.0.1', '127.0.0.2'], ['127.1.2.3', '::1', '10.0.0.1']],
        [['::1/128'], ['::1'], ['127.0.0.1', '::', '::2', '::127.0.0.1']],
        [['0.0.0.0/0', '::/0'], [], ['127.0.0.1', '127.0.0.2', '::1', '10.0.0.1', '169.254.169.254', 'fd00:ec2::254', '::ffff:127.0.0.1']],
        [['0.0.0.0/0', '127.1.0.0/16'], ['127.1.2.3'], ['127.0.0.1', '::1']],
        [['10.0.0.0/8'], [], ['127.0.0.1', '192.0.2.1', '::1', '11.0.0.1']],
      ] as const) {
        await both(thread, { allow: networks, ports: ['1-65535'] }, async (relay) => {
          const before = reached()
          for (const host of shut) assert.deepEqual(await asked(relay, host, port), { code: 2, status: 403 }, `${networks.join()}: ${host}`)
          assert.equal(reached(), before)
        })
        const again = open.length === 0 ? undefined : await traps()
        if (again === undefined) continue
        await both(thread, { allow: networks, ports: ['1-65535'] }, async (relay) => {
          for (const host of open) assert.deepEqual(await asked(relay, host, again.port), { code: 0, status: 200 }, `${networks.join()}: ${host}`)
        })
      }
    })

    it('`deny` holds against `allow`, in whatever clothes', async () => {
      const { port, reached } = await traps()
      await both(thread, { allow: ['127.0.0.0/8', '64:ff9b::/96', '2002::/16'], deny: ['127.0.0.2/32'], ports: ['1-65535'] }, async (relay) => {
        for (const host of ['127.0.0.2', '::ffff:127.0.0.2', '64:ff9b::7f00:2', '2002:7f00:2::1']) assert.deepEqual(await asked(relay, host, port), { code: 2, status: 403 }, host)
        assert.equal(reached(), 0)
      })
    })

    const withOwn = 'ip addr add 203.0.113.9/32 dev lo && ip addr add 2001:db8:6::1/128 dev lo nodad && ip route add local 198.51.100.0/24 dev lo && ip route add local 198.51.101.0/24 dev lo src 127.0.0.1 && ip -6 route add local 2001:db8:7::/64 dev lo && ip link add own0 type veth peer name own1 && ip addr add 203.0.113.66/26 dev own0 && ip addr add 203.0.113.67/26 dev own0 && ip link set own0 up && ip link set own1 up'
    const own = ['203.0.113.9', '198.51.100.7', '198.51.101.7', '2001:db8:6::1', '2001:db8:7::7', '::ffff:203.0.113.9', '203.0.113.66', '203.0.113.67']
    for (const [what, networks] of [['without a word', ''], ['where all is allowed', '0.0.0.0/0,::/0']] as const) {
      it(`this machine's own addresses are not reached, public ones too, ${what}`, async () => {
        const said = await inNamespace(withOwn, 'proxy-case.ts', [thread, networks, ...own])
        const refused = { socks5: '2 denied', httpConnect: '403 denied' }
        if (said !== undefined) assert.deepEqual(said, Object.fromEntries(own.map((host) => [host, refused])))
      })
    }

    it("this machine's own addresses are reached where a network of their own is allowed", async () => {
      const said = await inNamespace(withOwn, 'proxy-case.ts', [thread, '203.0.113.9/32,2001:db8:6::/48', '203.0.113.9', '2001:db8:6::1', '198.51.100.7'])
      const open = { socks5: '0 finished', httpConnect: '200 finished' }
      if (said !== undefined) assert.deepEqual({ ...Object(said), reached: 0 }, { '203.0.113.9': open, '2001:db8:6::1': open, '198.51.100.7': { socks5: '2 denied', httpConnect: '403 denied' }, reached: 0 })
      if (said !== undefined) assert.equal(field(said, 'reached'), 4)
    })

    it('where IPv6 is switched off, its addresses are not reached, which is no reason to refuse them', async () => {
      const said = await inNamespace('sysctl -qw net.ipv6.conf.all.disable_ipv6=1', 'proxy-case.ts', [thread, '', '2600::1'])
      if (said !== undefined) assert.deepEqual(said, { '2600::1': { socks5: '1 connectFailed', httpConnect: '502 connectFailed' } })
    })
  })
}

describe('a proxy that would be open to the world', () => {
  for (const [name, sink, proxy] of [['socks5', socks5, socks5Proxy], ['httpConnect', httpConnect, httpProxy]] as const) {
    it(`${name} is refused at each address that is not the loopback's, and the message says what there is to do`, () => {
      for (const at of ['0.0.0.0:1080', '[::]:1080', '192.0.2.1:1080', 'a.example:1080', '[2001:db8::1]:1080']) {
        assert.throws(() => pipe(from([tcp('127.0.0.1:0'), tcp(at)]), sink()), { code: 'ERR_MILLRACE_OPEN_PROXY', message: /would be open to whoever reaches it: .*auth.*allow.*openProxy/ })
      }
      assert.throws(() => pipe(from(tcp('0.0.0.0:1080')), sink({ deny: ['10.0.0.0/8'] })), { code: 'ERR_MILLRACE_OPEN_PROXY' })
    })

    it(`${name}: each of the four ways out`, () => {
      const everywhere = from(tcp('0.0.0.0:1080'))
      pipe(everywhere, sink({ auth: { a: 'b' } }))
      pipe(everywhere, sink({ auth: [user('a', 'b')] }))
      pipe(everywhere, sink({ allow: ['10.0.0.0/8'] }))
      pipe(everywhere, allow('10.0.0.0/8'), sink())
      pipe(everywhere, sink({ openProxy: true }))
    })

    it(`${name}: \`allow\` is none of them where names go to another proxy, which resolves them`, () => {
      const everywhere = from(tcp('0.0.0.0:1080'))
      assert.throws(() => pipe(everywhere, sink({ allow: ['10.0.0.0/8'], via: proxy('127.0.0.1:1') })), { code: 'ERR_MILLRACE_OPEN_PROXY' })
      pipe(everywhere, sink({ allow: ['10.0.0.0/8'], via: proxy('127.0.0.1:1'), auth: { a: 'b' } }))
    })

    it(`${name} is open at the loopback and at a Unix socket, where an address without a host is the loopback`, async () => {
      using folder = temporaryFolder()
      const places: readonly Endpoint<'stream'>[] = [tcp(':0'), tcp('localhost:0'), tcp('127.0.0.7:0'), tcp('[::1]:0'), unix(`${folder.path}/s`)]
      for (const at of places) pipe(from(at), sink())
      await withRelay(pipe(from(tcp(':0')), sink()), {}, async (relay) => {
        assert.match(relay.address, /^127\.0\.0\.1:\d+$/)
      })
    })
  }
})
