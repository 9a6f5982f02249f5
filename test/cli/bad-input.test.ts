/** Whatever is wrong on a command line is one line on stderr, nothing on stdout, and exit code 2. No relay is made. */
import assert from 'node:assert/strict'
import { complains, runCli } from '../support/cli.ts'

const from = 'tcp://127.0.0.1:0'
const to = 'tcp://127.0.0.1:9'
const udpFrom = 'udp://127.0.0.1:0'
const udpTo = 'udp://127.0.0.1:9'

describe('bad input: the command line', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['fowrard', from, to], "millrace: unknown command 'fowrard' (did you mean forward?)"],
    [['xyzzy'], "millrace: unknown command 'xyzzy'"],
    [['help', 'fowrard'], "millrace: help: unknown command 'fowrard' (did you mean forward?)"],
    [['help', 'xyzzy'], "millrace: help: unknown command 'xyzzy'"],
    [['--verison'], "millrace: unknown option '--verison' (did you mean --version?)"],
    [['forward', from, to, '--idle-timout', '60s'], "millrace: forward: unknown option '--idle-timout' (did you mean --idle-timeout?)"],
    [['echo', from, '--stat', '1s'], "millrace: echo: unknown option '--stat' (did you mean --stats?)"],
    [['run', '--jsn', 'x.ts'], "millrace: run: unknown option '--jsn' (did you mean --json?)"],
    [['forward', from], "millrace: forward: missing required argument 'upstream'"],
    [['forward', from, to, 'tcp://127.0.0.1:10'], "millrace: forward: too many arguments for 'forward'. Expected 2 arguments but got 3."],
    [['explain'], "millrace: explain: missing required argument 'file'"],
    [['forward', from, to, '--allow'], "millrace: forward: option '--allow <cidr>' argument missing"],

    [['forward', from, to, '--allow', '10.0.0.0/33'], 'millrace: forward: --allow: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32'],
    [['forward', from, to, '--deny', 'example.com'], 'millrace: forward: --deny: "example.com" is not a CIDR: "example.com" is not an IPv4 or IPv6 address'],
    [['forward', from, to, '--idle-timeout', '60'], 'millrace: forward: --idle-timeout: "60" has no unit: write it like 250ms, 60s, 5m or 1h'],
    [['forward', from, to, '--drain', 'soon'], 'millrace: forward: --drain: "soon" is not a duration: write it like 250ms, 60s, 5m or 1h'],
    [['forward', from, to, '--throttle', '10MB'], 'millrace: forward: --throttle: "10MB" is not a rate: write it like 10MB/s or 64KiB/s'],
    [['forward', from, to, '--max-sessions', 'many'], 'millrace: forward: --max-sessions: "many" is not a whole number of at least 1'],
    [['forward', from, to, '--proxy-protocol-in', '10.0.0.0/33'], 'millrace: forward: --proxy-protocol-in: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32'],
    [['forward', from, to, '--proxy-protocol-out', '3'], 'millrace: forward: --proxy-protocol-out: there are the versions 1 and 2, not 3'],
    [['forward', from, to, '--proxy-protocol-out', 'two'], 'millrace: forward: --proxy-protocol-out: "two" is not a whole number of at least 1'],
    [['forward', udpFrom, udpTo, '--proxy-protocol-out', '1'], 'millrace: forward: --proxy-protocol-out: for udp there is version 2, not 1'],
    [['forward', udpFrom, udpTo, '--proxy-protocol-out', '2', '--proxy-dialect', 'last'], 'millrace: forward: --proxy-dialect: expected every or first, not "last"'],
    [['forward', udpFrom, udpTo, '--proxy-protocol-in', '::1', '--proxy-protocol-out', '2', '--proxy-dialect', 'first'], 'millrace: forward: --proxy-dialect first is for --proxy-protocol-in or for --proxy-protocol-out, not for both: who is told once cannot tell anew'],
    [['forward', udpFrom, udpTo, '--proxy-dialect', 'first'], 'millrace: forward: --proxy-dialect is about the headers of --proxy-protocol-in and --proxy-protocol-out'],
    [['forward', from, to, '--proxy-protocol-out', '2', '--proxy-dialect', 'first'], 'millrace: forward: --proxy-dialect is for udp, not for tcp and unix'],
    [['forward', from, to, '--balance', 'best'], 'millrace: forward: --balance: expected roundRobin, leastSessions, random2, sourceHash, maglev, not "best"'],
    [['forward', from, to, '--health', 'http'], 'millrace: forward: --health: there is the check tcp, not "http"'],
    [['forward', from, `${to},${udpTo}`], 'millrace: forward: UPSTREAM: tcp 127.0.0.1:9 and udp 127.0.0.1:9 cannot be one set: streams do not become datagrams'],
    [['forward', from, `${to},${to}`], 'millrace: forward: UPSTREAM: tcp 127.0.0.1:9 is there twice: give it a weight instead'],
    [['forward', udpFrom, udpTo, '--health', 'tcp'], 'millrace: forward: --health is for tcp and unix, not for udp'],
    [['forward', from, to, '--retries', '-1'], 'millrace: forward: --retries: "-1" is not a whole number of at least 0'],
    [['forward', from, to, '--stats', '1ms'], 'millrace: forward: --stats: "1ms" is too often: the least is 10ms'],
    [['forward', from, to, '--source-address', 'nowhere'], 'millrace: forward: --source-address: "nowhere" is not an IP address'],
    [['forward', from, to, '--source-address', '127.0.0.2,'], 'millrace: forward: --source-address: "" is not an IP address'],
    [['forward', from, to, '--source-address', '127.0.0.2,127.0.0.2'], 'millrace: forward: --source-address: "127.0.0.2" is there twice'],
    [['forward', from, to, '--keep-alive', '500ms'], 'millrace: forward: --keep-alive: expected at least 1s, got 500ms'],
    [['forward', from, to, '--keep-alive', '1500ms'], 'millrace: forward: --keep-alive: expected whole seconds, got 1500ms'],
    [['forward', from, to, '--keep-alive', '10h'], 'millrace: forward: --keep-alive: expected at most 32767s, got 10h'],

    [['forward', '127.0.0.1:8080', to], 'millrace: forward: LISTEN: "127.0.0.1:8080" has no scheme: expected tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH'],
    [['forward', 'tcp://127.0.0.1', to], 'millrace: forward: LISTEN: "127.0.0.1" has no port: expected "host:port"'],
    [['forward', 'tcp://127.0.0.1:70000', to], 'millrace: forward: LISTEN: "127.0.0.1:70000" has no valid port: "70000" is not 0 to 65535'],
    [['forward', 'http://127.0.0.1:80', to], 'millrace: forward: LISTEN: "http://127.0.0.1:80" has the unknown scheme "http": expected tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH'],
    [['forward', from, 'tcp://'], 'millrace: forward: UPSTREAM: "" has no port: expected "host:port"'],
    [['forward', from, 'unix://'], 'millrace: forward: UPSTREAM: "" is not a path: it is empty'],
    [['forward', from, 'tcp://127.0.0.1:0'], 'millrace: forward: UPSTREAM: "tcp 127.0.0.1:0" has no port to connect to: expected 1 to 65535'],
    [['forward', udpFrom, to], 'millrace: forward: LISTEN is udp 127.0.0.1:0 and UPSTREAM is tcp 127.0.0.1:9: streams do not become datagrams, both have to be udp or neither'],
    [['forward', 'unix:///tmp/x', udpTo], 'millrace: forward: LISTEN is unix /tmp/x and UPSTREAM is udp 127.0.0.1:9: streams do not become datagrams, both have to be udp or neither'],
    [['forward', udpFrom, udpTo, '--keep-alive', '60s'], 'millrace: forward: --keep-alive is for tcp and unix, not for udp'],
    [['forward', udpFrom, udpTo, '--half-close-timeout', '60s'], 'millrace: forward: --half-close-timeout is for tcp and unix, not for udp'],
    [['forward', udpFrom, udpTo, '--connect-timeout', '60s'], 'millrace: forward: --connect-timeout is for tcp and unix, not for udp'],
    [['forward', udpFrom, udpTo, '--retries', '0'], 'millrace: forward: --retries is for tcp and unix, not for udp'],
    [['forward', from, to, '--responses', '1'], 'millrace: forward: --responses is for udp, not for tcp and unix'],
    [['forward', from, to, '--max-flows', '1'], 'millrace: forward: --max-flows is for udp, not for tcp and unix'],
    [['forward', from, to, '--max-flows-per-address', '1'], 'millrace: forward: --max-flows-per-address is for udp, not for tcp and unix'],
    [['echo', from, '--receive-buffer', '1MiB'], 'millrace: echo: --receive-buffer is for udp, not for tcp and unix'],
    [['forward', udpFrom, udpTo, '--responses', 'one'], 'millrace: forward: --responses: "one" is not a whole number of at least 0'],
    [['forward', udpFrom, udpTo, '--max-flows', '0'], 'millrace: forward: --max-flows: "0" is not a whole number of at least 1'],
    [['forward', udpFrom, udpTo, '--max-flows', '2000000'], 'millrace: forward: --max-flows: must be an integer from 1 to 1048576 flows, not 2000000'],
    [['forward', udpFrom, udpTo, '--receive-buffer', '8'], 'millrace: forward: --receive-buffer: "8" has no unit: write it like 10MB or 64KiB'],
    [['sink', udpFrom, '--receive-buffer', '2GiB'], 'millrace: sink: --receive-buffer: must be an integer from 4096 to 1073741824 bytes, not 2147483648'],
    [['forward', 'udp://127.0.0.1:7900-7890', udpTo], 'millrace: forward: LISTEN: "127.0.0.1:7900-7890" has no valid range of ports: expected the lower port first, "7890-7900", not "7900-7890"'],
    [['forward', 'udp://127.0.0.1:7890-7900', 'udp://127.0.0.1:9000-9009'], 'millrace: forward: UPSTREAM: udp 127.0.0.1:9000-9009 has 10 ports, but listen udp 127.0.0.1:7890-7900 has 11: each port listened to goes to the one at its place in the other range, so both need the same number'],
    [['forward', 'tcp://127.0.0.1:7890-7900', 'tcp://127.0.0.1:9000-9009'], 'millrace: forward: UPSTREAM: tcp 127.0.0.1:9000-9009 has 10 ports, but listen tcp 127.0.0.1:7890-7900 has 11: each port listened to goes to the one at its place in the other range, so both need the same number'],

    [['blast', to], 'millrace: blast: URL: tcp 127.0.0.1:9 is no goal for datagrams: expected udp://HOST:PORT'],
    [['blast', udpFrom], 'millrace: blast: URL: "udp 127.0.0.1:0" has no port to connect to: expected 1 to 65535'],
    [['blast', udpTo, '--window', '0'], 'millrace: blast: --window: must be an integer from 1 to 65535 datagrams, not 0'],
    [['blast', udpTo, '--size', '70000'], 'millrace: blast: --size: must be an integer from 0 to 65507 bytes, not 70000'],
    [['blast', udpTo, '--flows', '0'], 'millrace: blast: --flows: must be an integer from 1 to 65536 flows, not 0'],
    [['blast', udpTo, '--flows', 'many'], 'millrace: blast: --flows: "many" is not a whole number of at least 0'],
    [['blast', udpTo, '--rate', '1M'], 'millrace: blast: --rate: "1M" has the unknown unit "M": write it like 100pps, 500kpps, 1Mpps or max'],
    [['blast', udpTo, '--rate', '9999Mpps'], 'millrace: blast: --rate: must be an integer from 0 to 2147483647 datagrams a second (0: as fast as it goes), not 9999000000'],
    [['blast', udpTo, '--duration', '10'], 'millrace: blast: --duration: "10" has no unit: write it like 250ms, 60s, 5m or 1h'],
    [['blast'], "millrace: blast: missing required argument 'url'"],
    [['echo', 'tcp://[::1'], 'millrace: echo: LISTEN: "[::1" is not an address: IPv6 addresses stand in brackets, as in "[::1]:80"'],
  ]
  for (const [args, line] of cases) it(`millrace ${args.join(' ')}`, () => complains(args, line, 2))

  it('millrace alone prints the help as a complaint', async () => {
    const { code, stdout, stderr } = await runCli([])
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /^Usage: millrace/)
  })

  it('--help, and --help of a command, print examples and exit with 0', async () => {
    for (const args of [['--help'], ['help'], ['help', 'help'], ['forward', '--help'], ['help', 'forward'], ['echo', '-h'], ['run', '-h'], ['explain', '-h'], ['check', '-h'], ['blast', '-h'], ['sink', '-h'], ['stun', '-h'], ['socks5', '-h'], ['http-proxy', '-h'], ['doctor', '-h']]) {
      const { code, stdout, stderr } = await runCli(args)
      assert.equal(code, 0)
      assert.equal(stderr, '')
      assert.match(stdout, /^Examples?:\n {2}\$ millrace/m)
    }
  })

  it('--version prints the version', async () => {
    const { code, stdout } = await runCli(['--version'])
    assert.equal(code, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })
})
