/** examples/one-port.ts and its kin: which of many protocols a real client speaks, told by what it sends first, on one port. */
import assert from 'node:assert/strict'
import { alpn, any, close, dns, forward, http, httpHost, httpPath, listen as from, mqtt, mysql, otherwise, pipe, postgres, prefix, proxyHeader, route, sni, ssh, tcp, tls, when } from '../../lib/index.ts'
import { child, plainEnv } from '../support/child.ts'
import { destroyPeers, listen, type Listener } from '../support/peers.ts'
import { program } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'

const names = ['sni', 'h2', 'tls', 'proxy', 'path', 'host', 'h2c', 'http', 'ssh', 'postgres', 'mqtt', 'dns', 'redis', 'mysql'] as const
type Name = (typeof names)[number]

const clients: readonly (readonly [what: string, reaches: Name, binary: string, debianPackage: string, args: (port: string) => string[]])[] = [
  ['curl, a request', 'http', 'curl', 'curl', (port) => [`http://127.0.0.1:${port}/`]],
  ['curl, POST with a body', 'http', 'curl', 'curl', (port) => ['-d', 'x=1', '-H', 'Expect:', `http://127.0.0.1:${port}/x`]],
  ['curl, HTTP/1.0', 'http', 'curl', 'curl', (port) => ['-0', `http://127.0.0.1:${port}/`]],
  ['curl, a host', 'host', 'curl', 'curl', (port) => ['-H', 'Host: git.example:8080', `http://127.0.0.1:${port}/`]],
  ['curl, through a proxy, to a host', 'host', 'curl', 'curl', (port) => ['-x', `http://127.0.0.1:${port}`, 'http://git.example/']],
  ['curl, a path', 'path', 'curl', 'curl', (port) => [`http://127.0.0.1:${port}/api/v1?q=1`]],
  ['curl, HTTP/2 without TLS', 'h2c', 'curl', 'curl', (port) => ['--http2-prior-knowledge', `http://127.0.0.1:${port}/`]],
  ['curl, behind a PROXY header', 'proxy', 'curl', 'curl', (port) => ['--haproxy-protocol', `http://127.0.0.1:${port}/`]],
  ['curl, TLS that offers h2', 'h2', 'curl', 'curl', (port) => ['-k', `https://127.0.0.1:${port}/`]],
  ['curl, TLS to a name', 'sni', 'curl', 'curl', (port) => ['-k', '--connect-to', `::127.0.0.1:${port}`, 'https://git.example/']],
  ['openssl, TLS without a name', 'tls', 'openssl', 'openssl', (port) => ['s_client', '-connect', `127.0.0.1:${port}`, '-noservername']],
  ['openssl, TLS 1.2', 'tls', 'openssl', 'openssl', (port) => ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-servername', 'other.example']],
  ['ssh', 'ssh', 'ssh', 'openssh-client', (port) => ['-p', port, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '127.0.0.1', 'true']],
  ['psql, which asks for TLS', 'postgres', 'psql', 'postgresql-client', (port) => ['-c', 'select 1', `host=127.0.0.1 port=${port} user=x dbname=x sslmode=require`]],
  ['psql, without', 'postgres', 'psql', 'postgresql-client', (port) => ['-c', 'select 1', `host=127.0.0.1 port=${port} user=x dbname=x sslmode=disable gssencmode=disable`]],
  ['mosquitto_pub, MQTT 3.1.1', 'mqtt', 'mosquitto_pub', 'mosquitto-clients', (port) => ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'b']],
  ['mosquitto_pub, MQTT 3.1', 'mqtt', 'mosquitto_pub', 'mosquitto-clients', (port) => ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'b', '-V', 'mqttv31']],
  ['mosquitto_pub, MQTT 5', 'mqtt', 'mosquitto_pub', 'mosquitto-clients', (port) => ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'b', '-V', 'mqttv5']],
  ['dig over TCP', 'dns', 'dig', 'bind9-dnsutils', (port) => ['+tcp', '+tries=1', '+time=2', '-p', port, '@127.0.0.1', 'a.example']],
  ['redis-cli', 'redis', 'redis-cli', 'redis-tools', (port) => ['-h', '127.0.0.1', '-p', port, 'PING']],
  ['mariadb, whose server speaks first', 'mysql', 'mariadb', 'mariadb-client', (port) => ['-h', '127.0.0.1', '-P', port, '-u', 'x', '-e', 'select 1']],
]

describe('one port for many protocols', function () {
  this.timeout(60_000)
  afterEach(destroyPeers)

  for (const [what, reaches, binary, debianPackage, args] of clients) {
    it(`${what}, reaches ${reaches}`, async () => {
      const reached: Name[] = []
      const upstreams = new Map<Name, Listener>()
      // Whoever is reached hangs up, which ends every client.
      for (const name of names) upstreams.set(name, await listen({ onPeer: (peer) => { reached.push(name); peer.socket.destroy() } }))
      const to = (name: Name) => forward(tcp(upstreams.get(name)?.address ?? ''))
      const pipeline = pipe(
        from(tcp('127.0.0.1:0')),
        route(
          when(sni('git.example'), to('sni')),
          when(alpn('h2'), to('h2')),
          when(tls(), to('tls')),
          when(proxyHeader(), to('proxy')),
          when(httpPath('/api/*'), to('path')),
          when(httpHost('git.example'), to('host')),
          when(http(2), to('h2c')),
          when(http(1), to('http')),
          when(ssh(), to('ssh')),
          when(postgres(), to('postgres')),
          when(mqtt(), to('mqtt')),
          when(dns(), to('dns')),
          when(any(prefix('*'), prefix('PING')), to('redis')),
          when(mysql({ afterMs: 2_000 }), to('mysql')),
          otherwise(close()),
        ),
      )
      await withRelay(pipeline, { thread: 'own' }, async (relay) => {
        await using client = child(program(binary, debianPackage), args(relay.address.split(':').at(-1) ?? ''), { env: plainEnv() })
        await relay.closes(1)
        client.kill('SIGTERM')
        await client.exited
      })
      assert.equal(reached[0], reaches)
    })
  }
})
