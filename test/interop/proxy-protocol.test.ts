/** The PROXY protocol with curl, HAProxy and nginx on either side. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { echo, forward, listen as from, pipe, proxyProtocol, tcp } from '../../lib/index.ts'
import { child, plainEnv, run, type Child } from '../support/child.ts'
import { connect, destroyPeers, listen, unusedPort } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { program, temporaryFolder } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const source = () => from(tcp('127.0.0.1:0'))
const proxied = proxyProtocol({ from: ['127.0.0.0/8'] })

/** HAProxy or nginx with such a configuration, once it takes connections. */
async function serving(name: 'haproxy' | 'nginx', config: string, port: number, folder: string): Promise<Child> {
  const file = `${folder}/${name}.conf`
  writeFileSync(file, config)
  const server = name === 'haproxy' ? child(program('haproxy', 'haproxy'), ['-db', '-f', file], { env: plainEnv() }) : child(program('nginx', 'nginx'), ['-c', file, '-p', folder], { env: plainEnv() })
  const taken = async (): Promise<boolean> => await connect(`127.0.0.1:${port}`).then((peer) => { peer.socket.destroy(); return true }, () => false)
  await eventually(`${name} to take connections`, taken)
  return server
}

const haproxyConfig = (rest: string): string => `defaults\n mode tcp\n timeout connect 5s\n timeout client 10s\n timeout server 10s\nlisten a\n${rest}`
const nginxConfig = (folder: string, http: string): string =>
  `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log ${folder}/error;\nevents { }\nhttp {\n access_log off;\n client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};\n ${http} }\n`

describe('the PROXY protocol', function () {
  this.timeout(60_000)
  const folder = temporaryFolder()
  after(() => folder[Symbol.dispose]())
  afterEach(destroyPeers)

  it('curl --haproxy-protocol: its header is read, and the request goes on without it', async () => {
    const server = await listen({ onPeer: ({ socket }) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')) })
    await withRelay(pipe(source(), proxied, forward(tcp(server.address))), { thread: 'own' }, async (relay) => {
      assert.equal((await run(program('curl', 'curl'), ['-s', '--haproxy-protocol', `http://${relay.address}/`])).stdout, 'ok')
      assert.match((await relay.close()).downstream, /^127\.0\.0\.1:/)
    })
  })

  for (const [version, word] of [[1, 'send-proxy'], [2, 'send-proxy-v2'], [2, 'send-proxy-v2 proxy-v2-options crc32c,unique-id']] as const) {
    it(`HAProxy in front, ${word}: the session is whom HAProxy was reached by`, async () => {
      await withRelay(pipe(source(), proxied, echo()), { thread: 'own' }, async (relay) => {
        const port = await unusedPort()
        await using _haproxy = await serving('haproxy', haproxyConfig(` bind 127.0.0.1:${port}\n server s ${relay.address} ${word}\n`), port, folder.path)
        const peer = await connect(`127.0.0.1:${port}`, { localAddress: '127.0.0.9' })
        await peer.end(`hello by version ${version}`)
        assert.equal((await peer.readAll()).text, `hello by version ${version}`)
        await until(() => relay.events.some((event) => event.type === 'close' && event.downstream.startsWith('127.0.0.9:')), 'the session to be from 127.0.0.9')
      })
    })

    if (word.includes(' ')) continue

    it(`HAProxy behind, accept-proxy: it takes version ${version} from us`, async () => {
      const port = await unusedPort()
      const config = `defaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\nfrontend a\n bind 127.0.0.1:${port} accept-proxy\n http-request return status 200 content-type text/plain lf-string "%[src] %[src_port]"\n`
      await using _haproxy = await serving('haproxy', config, port, folder.path)
      await withRelay(pipe(source(), forward(tcp(`127.0.0.1:${port}`), { proxyProtocol: version })), { thread: 'own' }, async (relay) => {
        const { stdout } = await run(program('curl', 'curl'), ['-s', '--interface', '127.0.0.8', `http://${relay.address}/`])
        assert.equal(stdout.replace(' ', ':'), (await relay.close()).downstream)
        assert.match(stdout, /^127\.0\.0\.8 /)
      })
    })

    it(`nginx behind, listen … proxy_protocol: it takes version ${version} from us`, async () => {
      const port = await unusedPort()
      const config = nginxConfig(folder.path, `server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port"; } }`)
      await using _nginx = await serving('nginx', config, port, folder.path)
      await withRelay(pipe(source(), forward(tcp(`127.0.0.1:${port}`), { proxyProtocol: version })), { thread: 'own' }, async (relay) => {
        const { stdout } = await run(program('curl', 'curl'), ['-s', '--interface', '127.0.0.8', `http://${relay.address}/`])
        assert.match(stdout, /^127\.0\.0\.8:/)
        assert.equal(stdout, (await relay.close()).downstream)
      })
    })
  }
})
