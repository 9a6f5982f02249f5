/** The PROXY protocol with curl, HAProxy and nginx on either side. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import tls from 'node:tls'
import { echo, forward, listen as from, parseTlvs, pipe, proxyProtocol, stream, tcp } from '../../lib/index.ts'
import { child, plainEnv, run, type Child } from '../support/child.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { program, temporaryFolder } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

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

  it('HAProxy in front, which ends TLS: handlers see what it says of the connection', async () => {
    const [key, certificate, port] = [`${folder.path}/key.pem`, `${folder.path}/cert.pem`, await unusedPort()]
    await run(program('openssl', 'openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=a.example'])
    writeFileSync(`${folder.path}/both.pem`, `${readFileSync(certificate, 'utf8')}${readFileSync(key, 'utf8')}`)
    const seen: (readonly [number, string])[] = []
    let destination: string | undefined
    const looking = stream({
      data(session, chunk) {
        destination = session.proxy?.destination
        for (const [type, value] of session.proxy?.tlvs ?? []) seen.push(...(type === 0x20 ? [...parseTlvs(value.subarray(5))] : [[type, value] as const]).map(([one, text]) => [one, text.toString()] as const))
        session.end(chunk)
      },
    })
    await withRelay(pipe(source(), proxied, looking), {}, async (relay) => {
      const bind = ` bind 127.0.0.1:${port} ssl crt ${folder.path}/both.pem alpn h2,x/1\n unique-id-format id-%ci\n server s ${relay.address} send-proxy-v2 proxy-v2-options ssl,authority,unique-id,crc32c\n`
      await using _haproxy = await serving('haproxy', haproxyConfig(bind), port, folder.path)
      const peer = tls.connect({ host: '127.0.0.1', port, servername: 'a.example', ALPNProtocols: ['x/1'], rejectUnauthorized: false })
      peer.write('hello')
      assert.equal(String(await buffer(peer)), 'hello')
      const texts = new Map(seen)
      assert.deepEqual([destination, texts.get(0x01), texts.get(0x02), texts.get(0x05), texts.get(0x21)], [`127.0.0.1:${port}`, 'x/1', 'a.example', 'id-127.0.0.1', 'TLSv1.3'])
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
