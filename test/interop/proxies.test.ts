/** SOCKS5 and CONNECT with programs that others have written: as clients of our proxies, and as the proxies on our way. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { SocksClient } from 'socks'
import { forward, httpConnect, httpProxy, listen as from, pipe, socks5, socks5Proxy, tcp, type Via } from '../../lib/index.ts'
import { child, plainEnv, run, type Child } from '../support/child.ts'
import { connect, destroyPeers, listen, sha256 as digest } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { digestOf, program, randomFile, temporaryFolder } from '../support/programs.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const here = { allow: ['127.0.0.0/8'], ports: ['1-65535'] } as const
const auth = { ada: 'se cret' } as const
const resolver = async (name: string) => (name === 'web.example' ? [{ address: '127.0.0.1', ttl: 60 }] : [])

/** Pipelines 0 to 3: SOCKS5 and HTTP, and the same with a login. */
const proxies = () => [false, true].flatMap((login) => [socks5, httpConnect].map((sink) => pipe(from(tcp('127.0.0.1:0')), sink(login ? { ...here, auth } : here))))

describe('proxies', function () {
  this.timeout(60_000)
  const folder = temporaryFolder()
  const web = createServer((request, response) => response.writeHead(200, { connection: 'close' }).end(`hello from ${request.headers.host ?? ''}`))
  let port = 0
  before(async () => {
    await once(web.listen(0, '127.0.0.1'), 'listening')
    const bound = web.address()
    port = typeof bound === 'object' && bound !== null ? bound.port : 0
  })
  after(() => {
    folder[Symbol.dispose]()
    web.close()
  })
  afterEach(destroyPeers)

  const serving = (body: (relay: TestRelay) => Promise<void>) => withRelay(proxies(), { thread: 'own', resolver }, body)

  /** A server of somebody else, once it takes connections. */
  async function started(name: string, debianPackage: string, args: readonly string[], at: number): Promise<Child> {
    const server = child(program(name, debianPackage), args, { env: plainEnv() })
    const taken = async (): Promise<boolean> => await connect(`127.0.0.1:${at}`).then((peer) => { peer.destroy(); return true }, () => false)
    await eventually(`${name} to take connections: ${server.stderr()}`, taken)
    return server
  }

  it('curl: --socks5, --socks5-hostname, -p -x, with a login and without', async () => {
    await serving(async (relay) => {
      const curl = async (...args: readonly string[]): Promise<string> => (await run(program('curl', 'curl'), ['-sS', '--max-time', '10', ...args])).stdout
      const [socks = '', http = '', socksLogin = '', httpLogin = ''] = [0, 1, 2, 3].map((i) => relay.addressOf(i))
      const [byAddress, byName] = [`http://127.0.0.1:${port}/`, `http://web.example:${port}/`]
      assert.equal(await curl('--socks5', socks, byAddress), `hello from 127.0.0.1:${port}`)
      assert.equal(await curl('--socks5-hostname', socks, byName), `hello from web.example:${port}`)
      assert.equal(await curl('-p', '-x', http, byAddress), `hello from 127.0.0.1:${port}`)
      assert.equal(await curl('-p', '-x', http, byName), `hello from web.example:${port}`)
      assert.equal(await curl('--proxy-user', 'ada:se cret', '--socks5-hostname', socksLogin, byName), `hello from web.example:${port}`)
      assert.equal(await curl('--proxy-user', 'ada:se cret', '-p', '-x', httpLogin, byName), `hello from web.example:${port}`)
      assert.equal(await curl('-x', `socks5h://ada:se%20cret@${socksLogin}`, byName), `hello from web.example:${port}`)
      const reasons = (await relay.closes(7)).map(({ reason }) => reason)
      assert.deepEqual([...new Set(reasons)], ['finished'])
    })
  })

  it('curl is told what was wrong in its own words', async () => {
    await serving(async (relay) => {
      const refused = await unusedPort()
      const curl = async (...args: readonly string[]): Promise<string> => await run(program('curl', 'curl'), ['-sS', '--max-time', '10', ...args]).then(() => 'it went through', (error: unknown) => String(error))
      assert.match(await curl('--proxy-user', 'ada:wrong', '--socks5', relay.addressOf(2), `http://127.0.0.1:${port}/`), /rejected|User was rejected|authentication/i)
      assert.match(await curl('--socks5', relay.addressOf(2), `http://127.0.0.1:${port}/`), /No authentication method|no acceptable|authentication/i)
      assert.match(await curl('--socks5', relay.addressOf(0), `http://127.0.0.1:${refused}/`), /\(5\)|refused/i)
      assert.match(await curl('--socks5', relay.addressOf(0), `http://10.0.0.1:${port}/`), /\(2\)|not allowed/i)
      assert.match(await curl('--socks5-hostname', relay.addressOf(0), 'http://nothing.example/'), /\(4\)|unreachable/i)
      assert.match(await curl('-p', '-x', relay.addressOf(3), `http://127.0.0.1:${port}/`), /407/)
      assert.match(await curl('-p', '-x', relay.addressOf(1), `http://10.0.0.1:${port}/`), /403/)
      assert.match(await curl('-p', '-x', relay.addressOf(1), `http://127.0.0.1:${refused}/`), /502/)
      assert.match(await curl('-x', relay.addressOf(1), '-f', `http://127.0.0.1:${port}/`), /405/)
      await relay.closes(9)
    })
  })

  it('ssh through nc -X 5 and nc -X connect: commands, and a megabyte each way', async () => {
    const [key, hostKey, config, sshPort] = [`${folder.path}/key`, `${folder.path}/host`, `${folder.path}/sshd`, await unusedPort()]
    for (const file of [key, hostKey]) await run(program('ssh-keygen', 'openssh-client'), ['-q', '-t', 'ed25519', '-N', '', '-f', file])
    writeFileSync(`${folder.path}/authorized`, readFileSync(`${key}.pub`))
    chmodSync(folder.path, 0o755)
    writeFileSync(config, ['ListenAddress 127.0.0.1', `HostKey ${hostKey}`, `AuthorizedKeysFile ${folder.path}/authorized`, 'StrictModes no', 'UsePAM no', 'PidFile none', 'PermitRootLogin yes', ''].join('\n'))
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
    await using _sshd = await started('sshd', 'openssh-server', ['-D', '-e', '-f', config, '-p', String(sshPort)], sshPort)
    const nc = program('nc.openbsd', 'netcat-openbsd', ['/bin'])
    await serving(async (relay) => {
      for (const [kind, address] of [['5', relay.addressOf(0)], ['connect', relay.addressOf(1)]] as const) {
        const { sha256, bytes } = await digestOf(program('ssh', 'openssh-client'), [
          '-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', `ProxyCommand=${nc} -X ${kind} -x ${address} %h %p`,
          '-p', String(sshPort), `${userInfo().username}@127.0.0.1`, 'cat',
        ], { input: 'x'.repeat(1_000_000) })
        assert.deepEqual([bytes, sha256], [1_000_000, (await digestOf('/bin/cat', [], { input: 'x'.repeat(1_000_000) })).sha256])
      }
      assert.equal((await relay.closes(2)).every(({ bytesToUpstream }) => bytesToUpstream > 1_000_000), true)
    })
  })

  it('the npm package socks, by address and by name, with a login and without; what was refused it says', async () => {
    const upstream = await listen({ onPeer: ({ socket }) => socket.pipe(socket) })
    await serving(async (relay) => {
      const open = async (pipeline: number, host: string, to: number, login = {}) => {
        const [, proxyPort = ''] = relay.addressOf(pipeline).split(':')
        return await SocksClient.createConnection({ proxy: { host: '127.0.0.1', port: Number(proxyPort), type: 5, ...login }, command: 'connect', destination: { host, port: to } })
      }
      for (const [pipeline, host, login] of [[0, '127.0.0.1', {}], [0, 'web.example', {}], [2, 'web.example', { userId: 'ada', password: 'se cret' }]] as const) {
        const { socket } = await open(pipeline, host, upstream.port, login)
        socket.write('hello')
        socket.resume()
        const heard: unknown[] = await once(socket, 'data')
        assert.equal(String(heard[0]), 'hello')
        socket.destroy()
      }
      await assert.rejects(open(0, '10.0.0.1', upstream.port), /NotAllowed/)
      await assert.rejects(open(0, 'nothing.example', 80), /HostUnreachable/)
      await assert.rejects(open(2, '127.0.0.1', upstream.port, { userId: 'ada', password: 'wrong' }), /Authentication failed/i)
      await relay.closes(6)
    })
  })

  it('PySocks, over SOCKS5 and HTTP', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.readAll().then(({ text }) => peer.end(`<${text}>`)) })
    await serving(async (relay) => {
      const script = [
        'import socket, socks, sys', 'kind, port, host, to, user, password = sys.argv[1:7]', 's = socks.socksocket()',
        's.set_proxy(getattr(socks, kind), "127.0.0.1", int(port), rdns=True, username=user or None, password=password or None)', 's.settimeout(10)', 's.connect((host, int(to)))', 's.sendall(b"hello")',
        's.shutdown(socket.SHUT_WR)', 'print(s.makefile().read(), end="")',
      ].join('\n')
      for (const [pipeline, kind, host, user, password] of [[0, 'SOCKS5', 'web.example', '', ''], [2, 'SOCKS5', '127.0.0.1', 'ada', 'se cret'], [1, 'HTTP', 'web.example', '', ''], [3, 'HTTP', '127.0.0.1', 'ada', 'se cret']] as const) {
        const { stdout } = await run('/usr/bin/python3', ['-c', script, kind, relay.addressOf(pipeline).split(':')[1] ?? '', host, String(upstream.port), user, password])
        assert.equal(stdout, '<hello>')
      }
      await relay.closes(4)
    })
  })

  it('proxychains4 goes through both of ours, one behind the other', async () => {
    await serving(async (relay) => {
      const file = `${folder.path}/proxychains.conf`
      const at = (pipeline: number): string => relay.addressOf(pipeline).replace(':', ' ')
      for (const list of [[`socks5 ${at(0)}`], [`http ${at(1)}`], [`socks5 ${at(0)}`, `http ${at(1)}`], [`http ${at(1)}`, `socks5 ${at(0)}`, `http ${at(1)}`]]) {
        writeFileSync(file, `strict_chain\nquiet_mode\ntcp_read_time_out 10000\ntcp_connect_time_out 10000\n[ProxyList]\n${list.join('\n')}\n`)
        const { stdout } = await run(program('proxychains4', 'proxychains4'), ['-f', file, program('curl', 'curl'), '-sS', `http://127.0.0.1:${port}/`])
        assert.equal(stdout, `hello from 127.0.0.1:${port}`, list.join())
      }
    })
  })

  it('via microsocks, Dante and tinyproxy, each alone with and without a login, and all of them in a row', async () => {
    const [micro, microLogin, dante, tiny, tinyLogin] = [await unusedPort(), await unusedPort(), await unusedPort(), await unusedPort(), await unusedPort()]
    const danteFile = `${folder.path}/danted.conf`
    writeFileSync(danteFile, [
      'logoutput: stderr', `internal: 127.0.0.1 port = ${dante}`, 'external: 127.0.0.1', 'clientmethod: none', 'socksmethod: none',
      'client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }', 'socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }', '',
    ].join('\n'))
    const tinyFile = (at: number, more = ''): string => {
      const file = `${folder.path}/tinyproxy-${at}.conf`
      writeFileSync(file, `Port ${at}\nListen 127.0.0.1\nTimeout 30\nLogLevel Critical\nMaxClients 20\n${more}`)
      return file
    }
    await using _micro = await started('microsocks', 'microsocks', ['-i', '127.0.0.1', '-p', String(micro)], micro)
    await using _microLogin = await started('microsocks', 'microsocks', ['-i', '127.0.0.1', '-p', String(microLogin), '-u', 'ada', '-P', 'secret'], microLogin)
    await using _dante = await started('danted', 'dante-server', ['-f', danteFile], dante)
    await using _tiny = await started('tinyproxy', 'tinyproxy', ['-d', '-c', tinyFile(tiny)], tiny)
    await using _tinyLogin = await started('tinyproxy', 'tinyproxy', ['-d', '-c', tinyFile(tinyLogin, 'BasicAuth ada secret\n')], tinyLogin)
    const at = (number: number): string => `127.0.0.1:${number}`
    const good = { user: 'ada', password: 'secret' }
    const ways: readonly (readonly Via[])[] = [
      [socks5Proxy(at(micro))], [socks5Proxy(at(microLogin), good)], [socks5Proxy(at(dante))], [httpProxy(at(tiny))], [httpProxy(at(tinyLogin), good)],
      [socks5Proxy(at(micro)), httpProxy(at(tinyLogin), good), socks5Proxy(at(dante))], [httpProxy(at(tiny)), socks5Proxy(at(dante)), httpProxy(at(tiny)), socks5Proxy(at(microLogin), good)],
    ]
    const file = `${folder.path}/bytes`
    const size = 4 << 20
    const sha256 = await randomFile(file, size)
    for (const via of ways) {
      // microsocks and tinyproxy end both ways at the first FIN, so the bytes are counted.
      const upstream = await listen({ onPeer: (peer) => void peer.read(size).then((bytes) => peer.end(digest(bytes))) })
      // The names of Debian's own resolver: the last proxy resolves it.
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`localhost:${upstream.port}`), { via })), { thread: 'own' }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(readFileSync(file))
        assert.equal((await peer.readAll()).text, sha256)
        await peer.end()
        assert.equal((await relay.close()).reason, 'finished')
      }).catch((error: unknown) => { throw new Error(`${via.map((one) => `${one.dialect} ${one.at.port}`).join(', ')}: ${String(error)}`, { cause: error }) })
    }
  })

  it('via proxies that refuse: the reasons are those of the proxies', async () => {
    const [microLogin, tiny] = [await unusedPort(), await unusedPort()]
    const tinyFile = `${folder.path}/tinyproxy-refuses.conf`
    writeFileSync(tinyFile, `Port ${tiny}\nListen 127.0.0.1\nLogLevel Critical\nMaxClients 20\nBasicAuth ada secret\nConnectPort 443\n`)
    await using _micro = await started('microsocks', 'microsocks', ['-i', '127.0.0.1', '-p', String(microLogin), '-u', 'ada', '-P', 'secret'], microLogin)
    await using _tiny = await started('tinyproxy', 'tinyproxy', ['-d', '-c', tinyFile], tiny)
    const refused = await unusedPort()
    const [login, wrong] = [{ user: 'ada', password: 'secret' }, { user: 'ada', password: 'wrong' }]
    for (const [via, reason] of [
      [socks5Proxy(`127.0.0.1:${microLogin}`, login), 'connectRefused'], [socks5Proxy(`127.0.0.1:${microLogin}`, wrong), 'proxyFailed'], [socks5Proxy(`127.0.0.1:${microLogin}`), 'proxyFailed'],
      [httpProxy(`127.0.0.1:${tiny}`, wrong), 'proxyFailed'], [httpProxy(`127.0.0.1:${tiny}`), 'proxyFailed'], [httpProxy(`127.0.0.1:${tiny}`, login), 'proxyFailed'],
      // It waits for the end of a line.
      [socks5Proxy(`127.0.0.1:${tiny}`), 'connectTimeout'],
    ] as const) {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`127.0.0.1:${refused}`), { via, connectTimeoutMs: reason === 'connectTimeout' ? 1_000 : 10_000 })), { thread: 'own' }, async (relay) => {
        const peer = await connect(relay.address)
        assert.deepEqual([(await peer.readAll()).bytes, (await relay.close()).reason], [0, reason])
      })
    }
  })
})
