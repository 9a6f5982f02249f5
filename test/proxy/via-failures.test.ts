/** Proxies on the way that answer in every wrong way there is. */
import assert from 'node:assert/strict'
import { forward, httpProxy, listen as from, pipe, socks5Proxy, tcp, type CloseReason, type ForwardOptions, type Via } from '../../lib/index.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { scriptedProxy, type After, type Turn } from '../support/scripted-proxy.ts'
import { greeting, login, reply, request } from '../support/socks.ts'

const text = (of: string): Buffer => Buffer.from(of, 'latin1')
const ok = 'HTTP/1.1 200 OK\r\n\r\n'

describe('via a proxy that resets at once', () => {
  it('the client is told so, and reads an end behind it', async () => {
    const said = await inNamespace('ip address add 10.9.8.7/32 dev lo', 'via-reset-case.ts', ['10.9.8.7'])
    if (said !== undefined) assert.deepEqual(said, { said: 'HTTP/1.1 502 Bad Gateway, fin', reason: 'proxyFailed' })
  })
})

for (const thread of threads) {
  describe(`via, where a proxy fails, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const through = (to: string, via: Via | readonly Via[], body: (relay: TestRelay) => Promise<void>, options: ForwardOptions = {}) =>
      withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(to), { via, ...options })), { thread }, body)

    const method = (says: string): readonly Turn[] => [{ expects: greeting(0), says: [text(says)] }]
    const answered = (...says: readonly Uint8Array[]): readonly Turn[] => [...method('\x05\0'), { expects: 10, says }]
    const http = (...says: readonly string[]): readonly Turn[] => [{ expects: /^CONNECT/, says: says.map(text) }]
    const socks = (at: string): Via => socks5Proxy(at)
    const user = (at: string): Via => socks5Proxy(at, { user: 'ada', password: 'wrong' })
    const web = (at: string): Via => httpProxy(at)
    const bad: readonly (readonly [what: string, via: (at: string) => Via, turns: readonly Turn[], reason: CloseReason, after?: After])[] = [
      ['a SOCKS5 proxy that takes no method', socks, method('\x05\xff'), 'proxyFailed'],
      ['one that wants a login that we do not have', socks, method('\x05\x02'), 'proxyFailed'],
      ['one that chooses what was not offered', user, [{ expects: greeting(0, 2), says: [text('\x05\x01')] }], 'proxyFailed'],
      ['one of another version', socks, method('\x04\0'), 'proxyFailed'],
      ['one that refuses the login', user, [{ expects: greeting(0, 2), says: [text('\x05\x02')] }, { expects: login('ada', 'wrong'), says: [text('\x01\x01')] }], 'proxyFailed'],
      ['one that answers the login in another version', user, [{ expects: greeting(0, 2), says: [text('\x05\x02')] }, { expects: login('ada', 'wrong'), says: [text('\x05\0')] }], 'proxyFailed'],
      ...([[1, 'proxyFailed'], [2, 'proxyFailed'], [3, 'connectUnreachable'], [4, 'connectUnreachable'], [5, 'connectRefused'], [6, 'connectTimeout'], [7, 'proxyFailed'], [8, 'proxyFailed'], [0xff, 'proxyFailed']] as const)
        .map(([code, reason]) => [`one that answers ${code}`, socks, answered(reply(code)), reason] as const),
      ['one that answers 5 and no more', socks, answered(text('\x05\x05')), 'connectRefused'],
      ['one with garbage behind its code', socks, answered(text('\x05\0\0\x09garbage')), 'proxyFailed'],
      ['one that ends before it has said anything', socks, [], 'proxyFailed', 'ends'],
      ['one that ends in the middle of its reply', socks, answered(text('\x05\0\0\x01\x7f')), 'proxyFailed', 'ends'],
      ['one that resets in the middle of its reply', socks, answered(text('\x05\0\0')), 'proxyFailed', 'resets'],
      ['one that speaks HTTP', socks, method('HTTP/1.1 400 Bad Request\r\n\r\n'), 'proxyFailed'],
      ...([[101, 'proxyFailed'], [302, 'proxyFailed'], [400, 'proxyFailed'], [403, 'proxyFailed'], [407, 'proxyFailed'], [502, 'proxyFailed'], [503, 'proxyFailed'], [504, 'connectTimeout']] as const)
        .map(([status, reason]) => [`an HTTP proxy that answers ${status}`, web, http(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`), reason] as const),
      ['one that is none', web, http('SSH-2.0-OpenSSH_9.2\r\n'), 'proxyFailed'],
      ['one that speaks HTTP/2', web, http('HTTP/2 200\r\n\r\n'), 'proxyFailed'],
      ['one that ends before its blank line', web, http('HTTP/1.1 200 OK\r\nX: y\r\n'), 'proxyFailed', 'ends'],
      ['one that resets instead of answering', web, http(), 'proxyFailed', 'resets'],
      ['one with fields without an end', web, http(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`), 'proxyFailed'],
      ['one that says 100 for ever', web, http('HTTP/1.1 100 Continue\r\n\r\n'.repeat(40_000)), 'proxyFailed'],
      ['one that folds a field', web, http('HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n'), 'proxyFailed'],
    ]
    for (const [what, via, turns, reason, after = 'stays'] of bad) {
      it(`${what} ends the session with ${reason}, and the client gets nothing of it`, async () => {
        const proxy = await scriptedProxy(turns, after)
        await through('192.0.2.1:80', via(proxy.address), async (relay) => {
          const done = proxy.done().catch((error: unknown) => error)
          const peer = await connect(relay.address)
          const { bytes, ending } = await peer.readAll()
          assert.deepEqual([bytes, ending], [0, 'reset'])
          assert.equal((await relay.close()).reason, reason)
          assert.equal(relay.events.some(({ type }) => type === 'open'), false)
          const failed = await done
          if (failed instanceof assert.AssertionError) throw failed
          assert.equal(proxy.count(), 1, 'a proxy that has answered is not asked again')
        })
      })
    }

    it('one that hangs, at each step, has the time of the connect and no more', async () => {
      for (const [via, turns] of [[socks, []], [socks, method('\x05\0')], [socks, answered(text('\x05\0'))], [web, http()], [web, http('HTTP/1.1 200 OK\r\n')], [web, http('HTTP/1.1 100 Continue\r\n\r\n')]] as const) {
        const proxy = await scriptedProxy(turns)
        await through('192.0.2.1:80', via(proxy.address), async (relay) => {
          const done = proxy.done().catch(() => undefined) // who is late finds the relay gone
          const peer = await connect(relay.address)
          assert.equal((await peer.readAll()).ending, 'reset')
          const { reason, durationMs } = await relay.close()
          assert.equal(reason, 'connectTimeout')
          assert.ok(durationMs >= 800 && durationMs < 5_000, `${durationMs} ms`)
          await done
        }, { connectTimeoutMs: 800 })
      }
    })

    it('the second proxy fails: what the first has said stays with us', async () => {
      const second = httpProxy('192.0.2.7:3128')
      for (const [says, reason] of [['HTTP/1.1 403 No\r\n\r\n', 'proxyFailed'], [`${ok}hello`, 'finished']] as const) {
        const first = await scriptedProxy([{ expects: greeting(0), says: [text('\x05\0')] }, { expects: request('192.0.2.7', 3128), says: [reply(0)] }, { expects: /^CONNECT 192\.0\.2\.1:80 /, says: [text(says)] }])
        await through('192.0.2.1:80', [socks5Proxy(first.address), second], async (relay) => {
          const done = first.done()
          const peer = await connect(relay.address)
          const there = await done
          await there.end()
          if (reason === 'finished') await peer.end()
          assert.equal((await peer.readAll()).text, reason === 'finished' ? 'hello' : '')
          assert.equal((await relay.close()).reason, reason)
        })
      }
    })
  })
}
