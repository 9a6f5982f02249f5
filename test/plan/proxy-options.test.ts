/** What `socks5`, `httpConnect`, `user` and proxies on the way refuse, and that no password is in what they say. */
import assert from 'node:assert/strict'
import { httpConnect, httpProxy, listen, pipe, socks5, socks5Proxy, tcp, forward, upstreams, user, allow, inspect, pass } from '../../lib/index.ts'
import { call } from './untyped.ts'

const said = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'nothing'
}

describe('proxies, and options that do not fit', () => {
  it('an error about a login has no password in it', () => {
    const refusals = [
      () => socks5Proxy('socks5://ada:hunter2@192.0.2.1:1080'),
      () => call(socks5Proxy, '192.0.2.1:1080', 'ada:hunter2'),
      () => call(forward, tcp('192.0.2.1:80'), { via: 'socks5://ada:hunter2@192.0.2.1:1080' }),
      () => call(socks5, { auth: 'ada:hunter2' }),
      () => call(user, 'ada:hunter2', 'hunter2'),
      () => user('ada', 'hunter2'.repeat(40)),
    ].map(said)
    assert.deepEqual(refusals.map((text) => text.replace('user: a user\'s name must have no colon, which ends it in HTTP (RFC 7617), not "ada:hunter2"', 'a name')).filter((text) => text.includes('hunter2')), [])
    assert.ok(refusals.every((text) => /^(socks5Proxy|forward|socks5|user): /.test(text)), refusals.join('\n'))
  })

  it('say what does not go together', () => {
    const via = httpProxy('192.0.2.1:3128')
    assert.equal(said(() => socks5({ udp: true, via })), 'socks5: udp is not for via: datagrams do not go through a proxy')
    assert.equal(said(() => forward(upstreams([tcp('192.0.2.1:80')]), { via })), 'forward: via is not for a set of upstreams: a proxy is asked for one endpoint')
    assert.equal(said(() => forward(tcp('[fe80::1%lo]:80'), { via })), 'forward: via: "fe80::1%lo" names an interface of this machine, which means nothing to a proxy')
    assert.equal(said(() => forward(tcp('192.0.2.1:80'), { via: [via, httpProxy('[fe80::1%lo]:80')] })), 'forward: via: "fe80::1%lo" names an interface of this machine, which means nothing to a proxy')
    assert.equal(said(() => forward(tcp('foo.0x1:80'), { via })), 'forward: via: "foo.0x1" is neither an IP address nor a name: it ends in a number')
    assert.equal(said(() => call(socks5, { auth: user('ada', 'x') })), 'socks5: auth: expected a list of users, [user(…)], not one')
    assert.equal(said(() => call(httpConnect, { udp: true })).startsWith('httpConnect: unknown option "udp"'), true)
    assert.equal(said(() => user('ada', 'x', inspect({}, () => pass()))), 'user: the stage inspect cannot stand here: it would wait for bytes that the client sends only when it is connected')
    assert.equal(said(() => call(pipe, listen(tcp('127.0.0.1:0')), user('ada', 'x'))), 'pipe: expected a stage or a sink at place 1, not a user')
  })

  it('a proxy beyond the loopback needs somebody or something that is not everything', () => {
    const everywhere = listen(tcp('0.0.0.0:1080'))
    for (const open of [
      () => pipe(everywhere, socks5()),
      () => pipe(everywhere, socks5({ allow: ['0.0.0.0/0', '::/0'] })),
      () => pipe(everywhere, allow('0.0.0.0/0'), socks5()),
      () => pipe(everywhere, httpConnect({ allow: ['10.0.0.0/8'], via: socks5Proxy('192.0.2.1:1080') })),
    ]) assert.throws(open, { code: 'ERR_MILLRACE_OPEN_PROXY' })
    for (const closed of [
      () => pipe(everywhere, socks5({ allow: ['10.0.0.0/8'] })),
      () => pipe(everywhere, allow('10.0.0.0/8'), socks5()),
      () => pipe(everywhere, socks5({ auth: { ada: 'x' } })),
      () => pipe(everywhere, socks5({ openProxy: true })),
      () => pipe(listen([tcp('127.0.0.1:1080'), tcp('[::1]:1080')]), socks5()),
    ]) assert.equal(said(closed), 'nothing')
  })
})
