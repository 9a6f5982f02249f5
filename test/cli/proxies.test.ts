/** `millrace socks5` and `millrace http-proxy`. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complains, startCli } from '../support/cli.ts'
import { child, plainEnv } from '../support/child.ts'
import { destroyPeers, listen } from '../support/peers.ts'
import { temporaryFolder } from '../support/programs.ts'
import { finish } from './lines.ts'

const page = 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello'

/** What curl prints of a page behind a proxy, or why there is none. */
async function curl(...args: readonly string[]): Promise<string> {
  await using program = child('curl', ['-sS', '--max-time', '10', ...args], { env: plainEnv() })
  await program.exited
  return program.stdout() + program.stderr()
}

describe('millrace socks5 and http-proxy', () => {
  afterEach(destroyPeers)
  const web = () => listen({ onPeer: (peer) => void peer.end(page) })

  it('go where they are allowed to, by address and by name, and tell so with --log', async () => {
    const { address } = await web()
    const port = address.split(':')[1] ?? ''
    const options = ['--allow-destination', '127.0.0.0/8', '--allow-destination', '::1', '--allow-port', port, '--log']
    await using socks = startCli(['socks5', 'tcp://127.0.0.1:0', ...options])
    await using http = startCli(['http-proxy', 'tcp://127.0.0.1:0', ...options])
    const [, socksAddress = ''] = await socks.line(/^listening tcp (127\.0\.0\.1:\d+) -> socks5$/)
    const [, httpAddress = ''] = await http.line(/^listening tcp (127\.0\.0\.1:\d+) -> httpConnect$/)
    for (const url of [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`]) {
      assert.equal(await curl('--socks5', socksAddress, url), 'hello')
      assert.equal(await curl('--socks5-hostname', socksAddress, url), 'hello')
      assert.equal(await curl('-p', '-x', httpAddress, url), 'hello')
    }
    await socks.line(/^closed 127\.0\.0\.1:\d+ .*finished/)
    assert.match(await curl('--socks5', socksAddress, 'http://127.0.0.1:1/'), /\(2\)/)
    await socks.line(/^closed \S+ -> 127\.0\.0\.1:1 denied/)
    assert.match(await curl('-p', '-x', httpAddress, 'http://127.0.0.1:1/'), /403/)
    await finish(socks)
    await finish(http)
  })

  it('go nowhere that is private without being told to', async () => {
    const { address, count } = await web()
    await using socks = startCli(['socks5', 'tcp://127.0.0.1:0'])
    await using http = startCli(['http-proxy', 'tcp://127.0.0.1:0', '--allow-port', '1-65535'])
    const [, socksAddress = ''] = await socks.line(/ (127\.0\.0\.1:\d+) -> socks5$/)
    const [, httpAddress = ''] = await http.line(/ (127\.0\.0\.1:\d+) -> httpConnect$/)
    for (const host of [address, address.replace('127.0.0.1', 'localhost')]) {
      assert.match(await curl('--socks5-hostname', socksAddress, `http://${host}/`), /\(2\)/)
      assert.match(await curl('-p', '-x', httpAddress, `http://${host}/`), /403/)
    }
    assert.equal(count(), 0)
    await finish(socks)
    await finish(http)
  })

  it('--user takes its password from a file, --via goes through another one', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'password')
    await writeFile(file, 'p@ss word\n')
    const { address } = await web()
    await using inner = startCli(['socks5', 'tcp://127.0.0.1:0', '--user', `guest:${file}`, '--allow-destination', '127.0.0.0/8'])
    const [, innerAddress = ''] = await inner.line(/ (127\.0\.0\.1:\d+) -> socks5$/)
    await using outer = startCli(['http-proxy', 'tcp://127.0.0.1:0', '--via', `socks5://guest:p%40ss%20word@${innerAddress}`, '--allow-destination', '127.0.0.0/8', '--allow-port', '1-65535'])
    const [, outerAddress = ''] = await outer.line(/ (127\.0\.0\.1:\d+) -> httpConnect$/)
    await using direct = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${address}`, '--via', `http://${outerAddress}`])
    const [, directAddress = ''] = await direct.line(/ (127\.0\.0\.1:\d+) -> /)
    assert.equal(await curl('-p', '-x', outerAddress, `http://${address}/`), 'hello')
    assert.equal(await curl(`http://${directAddress}/`), 'hello')
    assert.equal(await curl('-x', `socks5h://guest:p%40ss%20word@${innerAddress}`, `http://${address}/`), 'hello')
    assert.match(await curl('-x', `socks5h://guest:wrong@${innerAddress}`, `http://${address}/`), /rejected|authentication/i)
    for (const program of [inner, outer, direct]) await finish(program)
  })

  const here = 'tcp://127.0.0.1:0'
  for (const [args, message] of [
    [['socks5', 'tcp://0.0.0.0:1080'], 'socks5: LISTEN: tcp 0.0.0.0:1080 would be open to whoever reaches it: add --user, --allow, --allow-destination or, if that is meant, --open-proxy'],
    [['http-proxy', 'tcp://[::]:3128'], 'http-proxy: LISTEN: tcp [::]:3128 would be open to whoever reaches it: add --user, --allow, --allow-destination or, if that is meant, --open-proxy'],
    [['socks5', 'udp://127.0.0.1:1080'], 'socks5: LISTEN is udp 127.0.0.1:1080: expected tcp://HOST:PORT or unix:///PATH'],
    [['socks5', here, '--user', 'guest'], 'socks5: --user: expected NAME:PASSWORD-FILE, not "guest"'],
    [['socks5', here, '--user', 'guest:/nowhere'], 'socks5: --user: the password of "guest" cannot be read: ENOENT: no such file or directory, open \'/nowhere\''],
    [['socks5', here, '--user', 'guest:/dev/null'], 'socks5: --user: the password of "guest" must have 1 to 255 bytes and no control characters'],
    [['socks5', here, '--allow-destination', '10.0.0.0/33'], 'socks5: --allow-destination: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32'],
    [['http-proxy', here, '--allow-port', '80-70'], 'http-proxy: --allow-port: ports must be ports from 1 to 65535 and ranges such as "8000-8999", not "80-70"'],
    [['http-proxy', here, '--via', 'ftp://a:secret@b:1'], 'http-proxy: --via: expected socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT, not "ftp://…@b:1"'],
    [['http-proxy', here, '--via', 'socks4://a:se/cr@t:x@b:1'], 'http-proxy: --via: expected socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT, not "socks4://…@b:1"'],
    [['socks5', here, '--udp', '--via', 'socks5://b:1'], 'socks5: --udp: is not for via: datagrams do not go through a proxy'],
    [['socks5', 'tcp://0.0.0.0:1080', '--allow-destination', '0.0.0.0/0'], 'socks5: LISTEN: tcp 0.0.0.0:1080 would be open to whoever reaches it: add --user, --allow, --allow-destination or, if that is meant, --open-proxy'],
    [['forward', here, 'tcp://a:1,tcp://b:2', '--via', 'http://c:1'], 'forward: --via is for one UPSTREAM, without --balance and --health'],
    [['http-proxy', here, '--via', 'socks5://a@b:1'], 'http-proxy: --via: a user needs a password: USER:PASSWORD@'],
    [['http-proxy', here, '--via', 'socks5://b'], 'http-proxy: --via: "b" has no port: expected "host:port"'],
    [['forward', 'udp://127.0.0.1:0', 'udp://127.0.0.1:9', '--via', 'http://b:1'], 'forward: --via is for tcp and unix, not for udp'],
    [['forward', here, 'unix:///tmp/x', '--via', 'http://b:1'], 'forward: UPSTREAM: via is not for unix /tmp/x: a proxy connects to TCP endpoints'],
  ] as const) {
    it(`millrace ${args.join(' ')} is refused`, () => complains(args, `millrace: ${message}`, 2))
  }
})
