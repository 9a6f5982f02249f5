/** Every file in examples/ is run as its own header says, with real sockets, and does what the header promises. Longer than 250 lines: one example after another. */
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { httpConnect, listen as from, pipe, socks5, tcp } from '../../lib/index.ts'
import { child, plainEnv, root, run, type Child } from '../support/child.ts'
import { readyAddress, runCli, startCli } from '../support/cli.ts'
import { clientHello } from '../support/client-hello.ts'
import { field, numberIn } from '../support/json.ts'
import { connect, destroyPeers, listen, sha256 as digest, type Listener } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { program as find } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'
import { greeting, joined, login, readReply, request as socksRequest } from '../support/socks.ts'
import { tlsServer } from '../support/tls-server.ts'
import { attributes, mappedIn, parse, request } from '../support/stun.ts'
import { closeUdpPeers, udpEcho, udpPeer } from '../support/udp-peers.ts'
import { finish, jsonLines, readyUdp } from './lines.ts'
import { unusedPort, unusedPorts } from '../support/unused-ports.ts'

/** Runs an example on a free port; other endpoints come from the environment. */
function example(name: string, env: Readonly<Record<string, string>>, flags: readonly string[] = ['--log']): Child {
  return startCli(['run', `examples/${name}.ts`, ...flags], { env: { LISTEN: '127.0.0.1:0', ...env } })
}

/** What comes back for a whole text through `address`. */
async function ask(address: string, text: string): Promise<string> {
  const peer = await connect(address)
  await peer.end(text)
  return (await peer.readAll()).text
}

/** What has been said to it in brackets, at the first of these ports that is free. */
async function listenBetween(first: number, last: number): Promise<Listener> {
  for (let port = first; port <= last; port++) {
    const found = await listen({ port, onPeer: (peer) => void peer.readAll().then(({ text }) => peer.end(`<${text}>`)) }).catch(() => undefined)
    if (found) return found
  }
  throw new Error(`no port from ${first} to ${last} is free`)
}

describe('examples', () => {
  afterEach(destroyPeers)
  afterEach(closeUdpPeers)

  it('port-forward relays for the networks it names', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end('from the upstream') })
    await using relay = example('port-forward', { UPSTREAM: upstream.address })
    assert.equal(await ask(await readyAddress(relay), 'to the upstream'), 'from the upstream')
    await finish(relay)
  })

  it('sni-proxy sends each name to its own upstream, with TLS end to end, and closes the rest', async () => {
    await using a = await tlsServer('this is a')
    await using b = await tlsServer('this is b')
    await using relay = example('sni-proxy', { UPSTREAM_A: a.address, UPSTREAM_B: b.address })
    const address = await readyAddress(relay)
    const greeting = async (name: string): Promise<string> => {
      await using client = child('openssl', ['s_client', '-connect', address, '-servername', name, '-quiet'], { env: plainEnv() })
      await client.exited
      return client.stdout()
    }
    assert.equal(await greeting('a.example'), 'this is a')
    assert.equal(await greeting('www.b.example'), 'this is b')
    assert.equal(await greeting('c.example'), '')
    await relay.line(/^closed \S+ closedByPlan,/)
    await finish(relay)
  })

  it('sni-router sends each name to a server of its set that is up, and a client of the shop always to the same', async () => {
    await using shopA = await tlsServer('shop')
    await using api = await tlsServer('api')
    const gone = `127.0.0.1:${await unusedPort()}`
    await using relay = example('sni-router', { SHOP: `${gone},${shopA.address}`, API: `${api.address},${gone}`, CHECK_MS: '50' })
    const address = await readyAddress(relay)
    await relay.line(new RegExp(`${gone} is unhealthy \\(ECONNREFUSED\\)`))
    const greeting = async (name: string): Promise<string> => {
      await using client = child('openssl', ['s_client', '-connect', address, '-servername', name, '-quiet'], { env: plainEnv() })
      await client.exited
      return client.stdout()
    }
    for (const name of ['shop', 'api', 'shop', 'api']) assert.equal(await greeting(`${name}.example`), name)
    assert.equal(await greeting('other.example'), '')
    await finish(relay)
  })

  it('database-gateway closes the sessions of a primary that dies, and clients that come again are with the standby', async () => {
    let alive = true
    const database = (name: string, answers: () => boolean) =>
      listen({ onPeer: ({ socket }) => void socket.on('data', (bytes) => { if (answers()) socket.write(bytes.includes('PING') ? '+PONG\r\n' : name) }) })
    const [primary, standby] = await Promise.all([database('primary', () => alive), database('standby', () => true)])
    await using relay = example('database-gateway', { PRIMARY: primary.address, STANDBY: standby.address, CHECK_MS: '50' })
    const address = await readyAddress(relay)
    const client = await connect(address)
    await client.send('get key')
    assert.equal((await client.read(7)).toString(), 'primary')
    alive = false
    await relay.line(new RegExp(`${primary.address} is unhealthy`))
    assert.equal((await client.readAll()).ending, 'reset')
    await relay.line(/^closed .* upstreamUnhealthy/)
    const again = await connect(address)
    await again.send('get key')
    assert.equal((await again.read(7)).toString(), 'standby')
    again.reset()
    await finish(relay)
  })

  it('one-port tells protocols apart by what their clients send first, or do not', async () => {
    const greeter = (text: string) => listen({ onPeer: (peer) => void peer.end(text) })
    const [web, webTls, gitTls, ssh, postgres, mysql] = await Promise.all(['web', 'web-tls', 'git-tls', 'ssh', 'postgres', 'mysql'].map(greeter))
    assert(web && webTls && gitTls && ssh && postgres && mysql)
    await using relay = example('one-port', { WEB: web.address, WEB_TLS: webTls.address, GIT_TLS: gitTls.address, SSH: ssh.address, POSTGRES: postgres.address, MYSQL: mysql.address })
    const address = await readyAddress(relay)
    const said = async (bytes: string | Buffer): Promise<string> => {
      const peer = await connect(address)
      await peer.send(bytes)
      const { text } = await peer.readAll()
      await peer.end()
      return text
    }
    /** Who is kept from speaking for 300 ms is taken for one who waits for the server. */
    const reaches = (bytes: string | Buffer, name: string) => eventually(`${name} to be reached`, async () => {
      const text = await said(bytes)
      if (text !== 'mysql') assert.equal(text, name)
      return text === name
    })
    await reaches('GET / HTTP/1.1\r\n', 'web')
    await reaches(clientHello('www.example'), 'web-tls')
    await reaches(clientHello('git.example'), 'git-tls')
    await reaches('SSH-2.0-x\r\n', 'ssh')
    await reaches(Buffer.from('0000000804d2162f', 'hex'), 'postgres')
    await reaches('something else', '')
    assert.equal(await said(''), 'mysql')
    await finish(relay)
  })

  it('behind-a-proxy lets in whom the proxy speaks for, and passes on who that is', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end() })
    await using relay = example('behind-a-proxy', { UPSTREAM: upstream.address, CLIENTS: '192.0.2.0/24' })
    const address = await readyAddress(relay)
    const speakingFor = async (client: string): Promise<void> => {
      const peer = await connect(address)
      await peer.end(`PROXY TCP4 ${client} 198.51.100.9 1234 80\r\nhello`).catch(() => undefined)
      await peer.readAll()
    }
    await speakingFor('192.0.2.7')
    await relay.line(/^closed 192\.0\.2\.7:1234 .*finished/)
    await speakingFor('203.0.113.7')
    await relay.line(/^closed 203\.0\.113\.7:1234 .*denied/)
    await finish(relay)
  })

  it('sniff-and-rewrite tells the upstream who is calling, and refuses other protocols at their first wrong byte', async () => {
    const upstream = await listen()
    await using relay = example('sniff-and-rewrite', { UPSTREAM: upstream.address })
    const address = await readyAddress(relay)

    const downstream = await connect(address)
    await downstream.send('HE')
    await downstream.send('LO me\nmo')
    await downstream.end('re\n')
    const { localPort } = downstream.socket
    assert.equal((await (await upstream.accept()).readAll()).text, `HELO proxy for=127.0.0.1:${localPort}\nmore\n`)

    const other = await connect(address)
    await other.send('G')
    assert.equal((await other.readAll()).text, '500 speak FOO\n')
    other.destroy()
    await relay.line(/^closed \S+ rejected \(not the FOO protocol\),/)
    assert.equal(upstream.count(), 1)
    downstream.destroy()
    await destroyPeers()
    await finish(relay)
  })

  it('edge-relay tells inner-relay through their common handler module who is calling, and the upstream sees nothing of it', async () => {
    const upstream = await listen()
    await using inner = example('inner-relay', { UPSTREAM: upstream.address })
    const innerAddress = await readyAddress(inner)
    await using edge = example('edge-relay', { UPSTREAM: innerAddress })
    const downstream = await connect(await readyAddress(edge))
    const there = await upstream.accept()
    // minBytes 0: the upstream may speak first.
    await there.send('welcome')
    assert.equal(String(await downstream.read(7)), 'welcome')
    await inner.line(new RegExp(`^a session of 127\\.0\\.0\\.1:${downstream.socket.localPort}$`))
    await downstream.end('question')
    assert.equal((await there.readAll()).text, 'question')
    await there.end('answer')
    assert.equal((await downstream.readAll()).text, 'welcomeanswer')

    assert.equal(await ask(innerAddress, 'GET / HTTP/1.1\r\n\r\n'), '')
    await inner.line(/^closed \S+ rejected \(no PROXY header\),/)
    assert.equal(upstream.count(), 1)
    await finish(edge)
    await finish(inner)
  })

  it('inner-relay takes only whole and valid PROXY headers, however they are cut', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.readAll().then(({ text }) => peer.end(`<${text}>`)) })
    await using relay = example('inner-relay', { UPSTREAM: upstream.address })
    const address = await readyAddress(relay)
    const pieces = async (text: string): Promise<string> => {
      const peer = await connect(address)
      for (const letter of text) await peer.send(letter)
      await peer.end()
      return (await peer.readAll()).text
    }
    assert.equal(await pieces('PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\nhello'), '<hello>')
    await relay.line(/^a session of 192\.0\.2\.7:4711$/)
    assert.equal(await pieces('PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n'), '<>')
    await relay.line(/^a session of \[2001:db8::7\]:4711$/)
    assert.equal(await pieces('PROXY UNKNOWN\r\nhello'), '<hello>')
    for (const wrong of ['PROXY TCP4 192.0.2.7\r\n', 'PROXY TCP4 1 2 3 4\n', `PROXY UNKNOWN ${'x'.repeat(107)}\r\n`]) assert.equal(await ask(address, wrong), '', wrong)
    await finish(relay)
  })

  it('shout upper-cases what goes downstream, and nothing else', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.readAll().then(({ text }) => peer.end(Buffer.from(`${text === 'hello'} {grüß dich}`, 'latin1'))) })
    await using relay = example('shout', { UPSTREAM: upstream.address })
    assert.equal(await ask(await readyAddress(relay), 'hello'), 'TRUE {GRüß DICH}')
    await finish(relay)
  })

  it('line-protocol-server answers lines, waits for a slow reader and goes on where it was', async () => {
    await using server = example('line-protocol-server', {})
    const address = await readyAddress(server)
    assert.equal(await ask(address, 'ECHO hello\nCOUNT 3\nFOO\nQUIT\nECHO no more\n'), 'hello\n1\n2\n3\nERR say ECHO text, COUNT number or QUIT\nBYE\n')
    assert.equal(await ask(address, 'x'.repeat(2_000)), 'ERR the line is too long\n')

    const count = 3_000_000
    const lines = Array.from({ length: count }, (_, i) => `${i + 1}\n`).join('')
    const slow = await connect(address, { paused: true })
    await slow.end(`COUNT ${count}\nECHO done\n`)
    // Others are served meanwhile, and what the slow one has asked for is not held in memory.
    for (let n = 0; n < 20; n++) assert.equal(await ask(address, `ECHO ${n}\n`), `${n}\n`)
    slow.resume()
    const { bytes, text, sha256 } = await slow.readAll()
    assert.equal(bytes, lines.length + 'done\n'.length)
    assert.equal(text, '')
    assert.equal(sha256, digest(Buffer.from(lines), Buffer.from('done\n')))
    await finish(server)
  })

  it('address-policy asks its service about every address, and lets nobody in without an answer', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end('in') })
    const asked: string[] = []
    let status = 204
    const policy = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(status, { connection: 'close' }).end()
    }).listen(0, '127.0.0.1')
    await once(policy, 'listening')
    const bound = policy.address()
    assert(typeof bound === 'object' && bound !== null)
    await using relay = example('address-policy', { UPSTREAM: upstream.address, POLICY: `http://127.0.0.1:${bound.port}/` })
    const address = await readyAddress(relay)
    assert.equal(await ask(address, ''), 'in')
    status = 403
    assert.equal(await ask(address, ''), '')
    await relay.line(/^closed \S+ rejected \(the policy says 403\),/)
    assert.deepEqual(asked, ['/?address=127.0.0.1', '/?address=127.0.0.1'])
    await new Promise((done) => policy.close(done))
    assert.equal(await ask(address, ''), '')
    await relay.line(/^closed \S+ rejected \(no policy: TypeError: fetch failed\),/)
    assert.equal(upstream.count(), 1)
    await finish(relay)
  })

  it('udp-echo sends every datagram back', async () => {
    await using server = example('udp-echo', {})
    const peer = await udpPeer(await readyUdp(server))
    for (const text of ['hello', '', 'x'.repeat(9_000)]) assert.equal(await peer.ask(text), text)
    await finish(server)
  })

  it('dns-relay passes questions on to a real resolver, over UDP and TCP, and closes each UDP flow with its answer', async () => {
    const port = await unusedPort()
    const flags = ['--no-daemon', '--no-resolv', '--no-hosts', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--pid-file=', '--user=', '--log-facility=-', '--address=/a.example/192.0.2.7']
    await using resolver = child(find('dnsmasq', 'dnsmasq-base'), flags, { env: plainEnv() })
    await resolver.line(/started/)
    await using relay = example('dns-relay', { UPSTREAM: `127.0.0.1:${port}` })
    const [overUdp, overTcp] = [await readyUdp(relay), await readyAddress(relay)]
    const dig = async (address: string, ...more: readonly string[]): Promise<string> =>
      (await run(find('dig', 'bind9-dnsutils'), ['@127.0.0.1', '-p', address.replace(/.*:/, ''), 'a.example', '+short', '+tries=1', ...more])).stdout
    assert.equal(await dig(overUdp), '192.0.2.7\n')
    await relay.line(/^closed \S+ -> \S+ finished, toUpstream \d+ B, toDownstream \d+ B, /)
    assert.equal(await dig(overTcp, '+tcp'), '192.0.2.7\n')
    await finish(relay)
  })

  it('media-relay maps a range of ports to the server’s', async () => {
    const [first, there] = [await unusedPorts(4), await unusedPorts(4, '127.0.0.2')]
    for (let i = 0; i < 4; i++) await udpPeer(undefined, { host: '127.0.0.2', port: there + i, answer: (bytes) => `${i} ${bytes.toString()}` })
    await using relay = example('media-relay', { LISTEN: `127.0.0.1:${first}-${first + 3}`, UPSTREAM: `127.0.0.2:${there}-${there + 3}` })
    await relay.line(/^listening udp 127\.0\.0\.1:\d+-\d+ -> udp 127\.0\.0\.2:\d+-\d+$/)
    const caller = await udpPeer()
    for (let i = 0; i < 4; i++) assert.equal(await caller.ask('media', `127.0.0.1:${first + i}`), `${i} media`)
    await finish(relay)
  })

  it('stun-relay answers STUN itself and relays the rest', async () => {
    const media = await udpPeer(undefined, { answer: (bytes) => `media ${bytes.toString()}` })
    await using relay = example('stun-relay', { LISTEN: '127.0.0.1:0', UPSTREAM: media.address })
    const peer = await udpPeer(await readyUdp(relay))
    await peer.send(request())
    assert.equal(mappedIn(parse((await peer.receive()).bytes)), peer.address)
    assert.equal(await peer.ask('hello'), 'media hello')
    // A check of ICE is for the media server.
    assert.match(await peer.ask(request({ attributes: [[attributes.username, Buffer.from('evtj:h6vY')], [attributes.integrity, Buffer.alloc(20)]] })), /^media /)
    await finish(relay)
  })

  it('game-server-filter drops what is no game, what was cut, what answers would amplify, and what comes too often', async () => {
    const server = await udpEcho()
    await using relay = example('game-server-filter', { UPSTREAM: server.address }, ['--json', '--stats', '1h'])
    const [, port] = await relay.line(/"type":"listening".*"port":([1-9]\d*)/)
    const player = await udpPeer(`127.0.0.1:${port}`)
    for (const text of ['JUNK', '', 'PLA', 'PLAY\0', 'PLAY\0\x06hello', 'PLAY\0\x04hello', 'INFO']) await player.send(text)
    assert.equal(await player.ask('PLAY\0\x05hello'), 'PLAY\0\x05hello')
    assert.equal(await player.ask('PLAY\0\0'), 'PLAY\0\0')
    const question = 'INFO'.padEnd(64)
    for (let n = 0; n < 50; n++) await player.send(question)
    // Two flows, so which answer comes first is open; what came before `last` has been looked at when it is answered.
    await player.send('PLAY\0\x04last')
    const answers = new Set<string>()
    while (!answers.has(question) || !answers.has('PLAY\0\x04last')) answers.add((await player.receive()).bytes.toString())
    await finish(relay)
    const stats = jsonLines(relay).at(-1)
    assert.equal(stats?.['balanced'], true)
    const dropped = field(field(field(stats, 'datagrams'), 'toUpstream'), 'dropped')
    assert.equal(numberIn(field(dropped, 'handler'), 'datagrams'), 4)
    const policy = numberIn(field(dropped, 'policy'), 'datagrams')
    assert.ok(policy > 3 + 40 && policy < 3 + 50, JSON.stringify(dropped))
  })

  it('socks5-server knows its users, and leads nowhere that is private but where it is told to', async () => {
    const upstream = await listen({ host: '127.0.0.2', onPeer: ({ socket }) => socket.pipe(socket) })
    await using relay = example('socks5-server', { GUEST_PASSWORD: 'secret', ADMIN_PASSWORD: 'other', ALLOW: '0.0.0.0/0,::/0,127.0.0.2/32' })
    const address = await readyAddress(relay)
    const as = async (name: string, password: string, host = '127.0.0.2'): Promise<string> => {
      const peer = await connect(address)
      await peer.send(joined(greeting(2), login(name, password), socksRequest(host, upstream.port)))
      await peer.read(2)
      if ((await peer.read(2))[1] !== 0) return 'no login'
      const { code } = await readReply(peer)
      if (code !== 0) return `refused ${code}`
      await peer.send('hello')
      return String(await peer.read(5))
    }
    assert.equal(await as('guest', 'other'), 'no login')
    await relay.line(/^closed \S+ .*loginFailed,/)
    for (let n = 0; n < 5; n++) assert.equal(await as('guest', 'secret'), 'hello')
    assert.equal(await as('guest', 'secret'), 'refused 1')
    await relay.line(/^closed \S+ .*limited,/)
    assert.equal(await as('admin', 'other'), 'hello')
    for (const host of ['127.0.0.1', '::1', '10.0.0.1', 'localhost', '::ffff:127.0.0.1']) assert.equal(await as('admin', 'other', host), 'refused 2', host)
    await relay.line(/^closed \S+ .*denied,/)
    await destroyPeers()
    await finish(relay)
  })

  it('proxy-chain leads the clients of its proxy, and its port for a database, through both proxies', async () => {
    const database = await listen({ onPeer: (peer) => void peer.end('from the database') })
    const web = await listenBetween(8_000, 8_999)
    const open = { allow: ['127.0.0.0/8', '::1/128'], ports: ['1-65535'] }
    await withRelay([pipe(from(tcp('127.0.0.1:0')), socks5(open)), pipe(from(tcp('127.0.0.1:0')), httpConnect(open))], { thread: 'own', resolver: async () => [{ address: '127.0.0.1', ttl: 60 }] }, async (proxies) => {
      const env = { LISTEN_DATABASE: '127.0.0.1:0', FIRST: proxies.addressOf(0), SECOND: proxies.addressOf(1), DATABASE: `db.internal:${database.port}` }
      await using relay = example('proxy-chain', env)
      const [, address = ''] = await relay.line(/^listening tcp (127\.0\.0\.1:\d+) -> httpConnect$/)
      const [, databaseAddress = ''] = await relay.line(/^listening tcp (127\.0\.0\.1:\d+) -> tcp db\.internal:/)
      assert.equal(await ask(databaseAddress, ''), 'from the database')
      const answer = await ask(address, `CONNECT web.example:${web.port} HTTP/1.1\r\n\r\nhello`)
      assert.equal(answer, 'HTTP/1.1 200 Connection established\r\n\r\n<hello>')
      assert.match(await ask(address, 'CONNECT web.example:80 HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 403 /)
      assert.match(await ask(address, 'CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 403 /)
      assert.deepEqual((await proxies.closes(4)).map(({ reason }) => reason), ['finished', 'finished', 'finished', 'finished'])
      await finish(relay)
    })
  })

  it('all of them are explained, have 20 to 60 lines and a header that says how to run them', async () => {
    const files = (await readdir(`${root}examples`)).filter((name) => name.endsWith('.ts'))
    assert.deepEqual(files.toSorted(), [
      'address-policy.ts', 'behind-a-proxy.ts', 'database-gateway.ts', 'dns-relay.ts', 'edge-relay.ts', 'game-server-filter.ts', 'inner-relay.ts', 'line-protocol-server.ts', 'media-relay.ts', 'one-port.ts', 'port-forward.ts',
      'proxy-chain.ts', 'shout.ts', 'sni-proxy.ts', 'sni-router.ts', 'sniff-and-rewrite.ts', 'socks5-server.ts', 'stun-relay.ts', 'udp-echo.ts',
    ])
    for (const file of files) {
      const lines = (await readFile(`${root}examples/${file}`, 'utf8')).trimEnd().split('\n')
      assert.ok(lines.length >= 20 && lines.length <= 60, `${file} has ${lines.length} lines`)
      assert.equal(lines[0], '/**')
      assert.ok(lines.slice(0, 12).some((line) => line.includes(`npx millrace run examples/${file}`)), `${file} does not say how to run it`)
      assert.equal((await runCli(['explain', `examples/${file}`])).code, 0)
    }
  })
})
