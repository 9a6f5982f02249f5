/** What users write as addresses and networks: the one usual form of what is right, one clear line for what is not. */
import assert from 'node:assert/strict'
import { addressText } from '../../lib/address.ts'
import { endpointText, formatEndpoint } from '../../lib/endpoint.ts'
import { allow, deny, forward, parseEndpoint, remoteAddress, sni, tcp, udp, unix } from '../../lib/index.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

const text = (address: string): string => formatEndpoint(tcp(address).at)

describe('tcp', () => {
  const good = [
    ['127.0.0.1:8080', 'tcp 127.0.0.1:8080'],
    ['[::1]:0', 'tcp [::1]:0'],
    ['[2001:DB8:0:0:0::1]:65535', 'tcp [2001:db8::1]:65535'],
    ['[FE80::1%eth0]:80', 'tcp [fe80::1%eth0]:80'],
    ['[::]:80', 'tcp [::]:80'],
    ['0.0.0.0:80', 'tcp 0.0.0.0:80'],
    [':8080', 'tcp 127.0.0.1:8080'],
    ['Name.Example.:80', 'tcp name.example:80'],
    ['my_service:80', 'tcp my_service:80'],
    ['bücher.example:80', 'tcp xn--bcher-kva.example:80'],
  ] as const
  for (const [from, to] of good) it(`takes ${from} as ${to}`, () => assert.equal(text(from), to))

  it('shows an IPv4-mapped address as IPv4', () => {
    assert.equal(text('[::ffff:10.0.0.1]:80'), 'tcp 10.0.0.1:80')
    assert.equal(text('[::FFFF:a00:1]:80'), 'tcp 10.0.0.1:80')
  })

  const bad = [
    ['', '"" has no port: expected "host:port"'],
    ['127.0.0.1', '"127.0.0.1" has no port: expected "host:port"'],
    ['127.0.0.1:', '"127.0.0.1:" has no port: expected "host:port"'],
    ['[::1]', '"[::1]" has no port: expected "host:port"'],
    ['::1', '"::1" needs brackets and a port: write "[::1]:80"'],
    ['::1:3000', '"::1:3000" needs brackets and a port: write "[::1]:3000", or "[::1:3000]:80" if 3000 belongs to the address'],
    ['2001:db8::1:80', '"2001:db8::1:80" needs brackets and a port: write "[2001:db8::1]:80", or "[2001:db8::1:80]:80" if 80 belongs to the address'],
    ['2001:db8::1:a', '"2001:db8::1:a" needs brackets and a port: write "[2001:db8::1:a]:80"'],
    ['1:2:3:4:5:6:7:8', '"1:2:3:4:5:6:7:8" needs brackets and a port: write "[1:2:3:4:5:6:7:8]:80"'],
    ['::1:65535', '"::1:65535" is not an address: write "[::1]:65535"'],
    ['1:2:3:4:5:6:7:8:80', '"1:2:3:4:5:6:7:8:80" is not an address: write "[1:2:3:4:5:6:7:8]:80"'],
    ['1:2:80', '"1:2:80" is not an address: IPv6 addresses stand in brackets, as in "[::1]:80"'],
    ['127.0.0.1:65536', '"127.0.0.1:65536" has no valid port: "65536" is not 0 to 65535'],
    ['127.0.0.1:http', '"127.0.0.1:http" has no valid port: "http" is not 0 to 65535'],
    ['127.0.0.1:-1', '"127.0.0.1:-1" has no valid port: "-1" is not 0 to 65535'],
    ['127.0.0.1: 80', '"127.0.0.1: 80" has no valid port: " 80" is not 0 to 65535'],
    ['127.0.0.1:8e1', '"127.0.0.1:8e1" has no valid port: "8e1" is not 0 to 65535'],
    ['*:80', '"*:80" has no valid host: write 0.0.0.0 for all IPv4 addresses, [::] for all'],
    ['10.0.0.256:80', '"10.0.0.256:80" is not an address: "10.0.0.256" is not four numbers from 0 to 255'],
    ['10.1:80', '"10.1:80" is not an address: "10.1" is not four numbers from 0 to 255'],
    ['010.0.0.1:80', '"010.0.0.1:80" is not an address: "010.0.0.1" is not four numbers from 0 to 255'],
    ['[127.0.0.1]:80', '"[127.0.0.1]:80" is not an address: "127.0.0.1" is not an IPv6 address'],
    ['[::g]:80', '"[::g]:80" is not an address: "::g" is not an IPv6 address'],
    ['[::1:80', '"[::1:80" is not an address: IPv6 addresses stand in brackets, as in "[::1]:80"'],
    ['a b:80', '"a b:80" is not an address: "a b" is neither an IP address nor a host name'],
    ['http://a:80', '"http://a:80" is not an address: "http://a" is neither an IP address nor a host name'],
    ['a..b:80', '"a..b:80" is not an address: "a..b" is neither an IP address nor a host name'],
    [`${'a'.repeat(64)}:80`, `"${'a'.repeat(64)}:80" is not an address: "${'a'.repeat(64)}" is neither an IP address nor a host name`],
  ] as const
  for (const [address, message] of bad) {
    it(`refuses ${JSON.stringify(address.slice(0, 20))}`, () => refused(() => text(address), 'ERR_MILLRACE_BAD_ADDRESS', `tcp: ${message}`))
  }

  it('refuses what is not a string', () => {
    refused(() => call(tcp, 8080), 'ERR_MILLRACE_BAD_ADDRESS', 'tcp: 8080 is not an address: expected a string such as "127.0.0.1:8080"')
  })
})

describe('udp', () => {
  it('is written as tcp is', () => {
    assert.equal(formatEndpoint(udp('127.0.0.1:7890').at), 'udp 127.0.0.1:7890')
    assert.equal(formatEndpoint(udp('[::]:0').at), 'udp [::]:0')
    assert.equal(endpointText(udp('name:53').at), 'name:53')
    refused(() => call(udp, '127.0.0.1'), 'ERR_MILLRACE_BAD_ADDRESS', 'udp: "127.0.0.1" has no port: expected "host:port"')
  })
})

describe('a range of ports', () => {
  it('stands behind the host, for tcp and udp', () => {
    assert.deepEqual(udp('127.0.0.1:7890-7900').at, { net: 'udp', host: '127.0.0.1', port: 7_890, lastPort: 7_900 })
    assert.equal(formatEndpoint(udp('127.0.0.1:7890-7900').at), 'udp 127.0.0.1:7890-7900')
    assert.equal(formatEndpoint(tcp('[::1]:1-65535').at), 'tcp [::1]:1-65535')
    assert.equal(endpointText(udp('[::1]:80-81').at), '[::1]:80-81')
  })

  it('of one port is this port', () => assert.deepEqual(udp(':80-80').at, { net: 'udp', host: '127.0.0.1', port: 80 }))

  const bad = [
    ['7890-', 'expected FIRST-LAST such as "7890-7900", not "7890-"'],
    ['7890-a', 'expected FIRST-LAST such as "7890-7900", not "7890-a"'],
    ['1-2-3', 'expected FIRST-LAST such as "7890-7900", not "1-2-3"'],
    ['7900-7890', 'expected the lower port first, "7890-7900", not "7900-7890"'],
    ['0-10', '"0" is not 1 to 65535'],
    ['10-0', '"0" is not 1 to 65535'],
    ['0-0', '"0" is not 1 to 65535'],
    ['7890-65536', '"65536" is not 1 to 65535'],
    ['100000-100001', '"100000" is not 1 to 65535'],
  ] as const
  for (const [ports, why] of bad) it(`is not ${ports}`, () => refused(() => call(udp, `h:${ports}`), 'ERR_MILLRACE_BAD_ADDRESS', `udp: "h:${ports}" has no valid range of ports: ${why}`))

  it('has no last port alone', () => refused(() => udp('h:-7900'), 'ERR_MILLRACE_BAD_ADDRESS', 'udp: "h:-7900" has no valid port: "-7900" is not 0 to 65535'))
})

describe('unix', () => {
  it('takes a path, and an abstract name', () => {
    assert.equal(formatEndpoint(unix('/run/x.sock').at), 'unix /run/x.sock')
    assert.equal(endpointText(unix('@name').at), 'unix:@name')
  })

  it('takes 107 bytes and refuses 108, counted in UTF-8', () => {
    unix(`/${'x'.repeat(106)}`)
    const long = `/${'ü'.repeat(53)}x`
    refused(() => unix(long), 'ERR_MILLRACE_BAD_ADDRESS', `unix: "${long}" is not a path of a socket: 108 bytes, at most 107 fit`)
  })

  it('refuses nothing and zero bytes', () => {
    refused(() => unix(''), 'ERR_MILLRACE_BAD_ADDRESS', 'unix: "" is not a path: it is empty')
    refused(() => unix('@'), 'ERR_MILLRACE_BAD_ADDRESS', 'unix: "@" is not a path: it is empty')
    refused(() => unix('/a\0b'), 'ERR_MILLRACE_BAD_ADDRESS', 'unix: "/a\\u0000b" is not a path: it contains a zero byte')
  })
})

describe('parseEndpoint', () => {
  it('takes tcp://, udp:// and unix://, and says which kind it is', () => {
    assert.deepEqual(parseEndpoint('udp://[::1]:0'), udp('[::1]:0'))
    assert.deepEqual(parseEndpoint('udp://127.0.0.1:7890-7900'), udp('127.0.0.1:7890-7900'))
    assert.deepEqual(['tcp://:1', 'udp://:1', 'unix:///a'].map((url) => parseEndpoint(url).kind), ['stream', 'datagram', 'stream'])
    assert.deepEqual(parseEndpoint('tcp://[::1]:0'), tcp('[::1]:0'))
    assert.deepEqual(parseEndpoint('unix:///run/x.sock'), unix('/run/x.sock'))
  })

  const bad = [
    ['127.0.0.1:8080', 'endpoint: "127.0.0.1:8080" has no scheme: expected tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH'],
    ['http://127.0.0.1:80', 'endpoint: "http://127.0.0.1:80" has the unknown scheme "http": expected tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH'],
    ['tcp://127.0.0.1', 'tcp: "127.0.0.1" has no port: expected "host:port"'],
    ['udp://127.0.0.1', 'udp: "127.0.0.1" has no port: expected "host:port"'],
    ['unix://', 'unix: "" is not a path: it is empty'],
  ] as const
  for (const [url, message] of bad) it(`refuses ${url}`, () => refused(() => parseEndpoint(url), 'ERR_MILLRACE_BAD_ADDRESS', message))
})

describe('forward', () => {
  it('needs a port to connect to', () => refused(() => forward(tcp('10.0.0.1:0')), 'ERR_MILLRACE_BAD_ADDRESS', 'forward: "tcp 10.0.0.1:0" has no port to connect to: expected 1 to 65535'))

  it('connects from an IP address only', () =>
    refused(() => forward(tcp('10.0.0.1:80'), { sourceAddress: 'eth0' }), 'ERR_MILLRACE_BAD_ADDRESS', 'forward: sourceAddress: "eth0" is not an IP address'))

  it('takes 1 to 256 source addresses of any family, each once', () => {
    const from = (...sourceAddress: readonly string[]) => forward(udp('10.0.0.1:80'), { sourceAddress })
    assert.equal(from('10.0.0.5', '::ffff:10.0.0.6', 'FD00::1').shows, 'udp 10.0.0.1:80, from 10.0.0.5, 10.0.0.6, fd00::1 in turn')
    refused(() => from(), 'ERR_MILLRACE_BAD_OPTION', 'forward: sourceAddress: expected 1 to 256 IP addresses, not 0')
    refused(() => from(...Array.from({ length: 257 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)), 'ERR_MILLRACE_BAD_OPTION', 'forward: sourceAddress: expected 1 to 256 IP addresses, not 257')
    refused(() => from('10.0.0.5', ''), 'ERR_MILLRACE_BAD_ADDRESS', 'forward: sourceAddress: "" is not an IP address')
    refused(() => from('10.0.0.5', '10.0.0.6', '::ffff:10.0.0.5'), 'ERR_MILLRACE_BAD_ADDRESS', 'forward: sourceAddress: "10.0.0.5" is there twice')
  })
})

describe('networks', () => {
  const good = [
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/31', '10.1.2.2/31'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['255.255.255.255/0', '0.0.0.0/0'],
    ['::/0', '::/0'],
    ['2001:DB8:FFFF::1/33', '2001:db8:8000::/33'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
    ['fe80:0:0:1::/64', 'fe80:0:0:1::/64'],
  ] as const
  for (const [from, to] of good) it(`takes ${from} as ${to}`, () => assert.equal(allow(from).shows, to))

  const bad = [
    ['10.0.0.0/33', 'an IPv4 prefix is 0 to 32'],
    ['10.0.0.0/-1', 'an IPv4 prefix is 0 to 32'],
    ['10.0.0.0/', 'an IPv4 prefix is 0 to 32'],
    ['10.0.0.0/8/8', 'an IPv4 prefix is 0 to 32'],
    ['10.0.0.0/255.0.0.0', 'an IPv4 prefix is 0 to 32'],
    ['::/129', 'an IPv6 prefix is 0 to 128'],
    ['10.0.0/8', '"10.0.0" is not an IPv4 or IPv6 address'],
    ['example.com', '"example.com" is not an IPv4 or IPv6 address'],
    ['', '"" is not an IPv4 or IPv6 address'],
    ['[::1]/128', '"[::1]" is not an IPv4 or IPv6 address'],
    ['fe80::1%eth0/64', 'a network has no scope'],
  ] as const
  for (const [cidr, why] of bad) {
    it(`refuses ${JSON.stringify(cidr)}`, () => {
      for (const [name, part] of [['allow', allow], ['deny', deny], ['remoteAddress', remoteAddress]] as const) {
        refused(() => part('127.0.0.1', cidr), 'ERR_MILLRACE_BAD_CIDR', `${name}: "${cidr}" is not a CIDR: ${why}`)
      }
    })
  }

  it('refuses none', () => refused(() => allow(), 'ERR_MILLRACE_BAD_OPTION', 'allow: expected at least one CIDR such as "10.0.0.0/8"'))
})

describe('sni', () => {
  it('takes names in their one usual form', () => assert.equal(sni('A.Example.', '*.B.example', 'bücher.example').shows, 'a.example, *.b.example, xn--bcher-kva.example'))

  const labels = 'expected labels of 1 to 63 letters, digits and hyphens, and no IP address'
  const star = 'a star stands only for the whole first label, as in "*.b.example"'
  const bad = [['', labels], ['*.', labels], ['a..b', labels], ['10.0.0.1', labels], ['a b', labels], ['a.*', star], ['*a.example', star], ['*.*.example', star], ['*', star]] as const
  for (const [name, why] of bad) it(`refuses ${JSON.stringify(name)}`, () => refused(() => sni(name), 'ERR_MILLRACE_BAD_OPTION', `sni: "${name}" is not a name: ${why}`))

  it('refuses none', () => refused(() => sni(), 'ERR_MILLRACE_BAD_OPTION', 'sni: expected at least one name such as "a.example" or "*.b.example"'))
})

describe('addresses from the addon', () => {
  const bytes = (family: number, port: number, ip: readonly number[]): Uint8Array => Uint8Array.from([0xee, family, 0, port >> 8, port & 255, ...ip, ...Array.from({ length: 16 - ip.length }, () => 0)])
  const show = (from: Uint8Array): string | undefined => addressText(from, 1, 'unix:/run/x.sock')

  it('are shown as they are written', () => {
    assert.equal(show(bytes(4, 5555, [127, 0, 0, 1])), '127.0.0.1:5555')
    assert.equal(show(bytes(6, 80, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])), '[::1]:80')
    assert.equal(show(bytes(6, 80, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff])), '[2001:db8:0:1::ff]:80')
    assert.equal(show(bytes(1, 0, [])), 'unix:/run/x.sock')
    assert.equal(show(bytes(0, 0, [])), undefined)
  })

  it('are never IPv4-mapped', () => assert.equal(show(bytes(6, 80, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1])), '10.0.0.1:80'))
})
