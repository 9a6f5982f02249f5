import assert from 'node:assert/strict'
import { encode, forward, inspect, listen as from, more, pass, pipe, reject, replace, startsWith, tcp, type InspectOptions, type InspectVerdict, type Session } from '../../lib/index.ts'
import { connect, listen, type Listener } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { pause } from '../support/until.ts'

type Handler = (head: Buffer, session: Session) => InspectVerdict

async function inspected(options: InspectOptions, handler: Handler, body: (relay: TestRelay, listener: Listener) => Promise<void>): Promise<void> {
  const listener = await listen()
  await withRelay(pipe(from(tcp('127.0.0.1:0')), inspect(options, handler), forward(tcp(listener.address))), {}, (relay) => body(relay, listener))
}

const greeting = 'HELO there\nand the rest of the stream'
const rewritten = (session: Session): string => `HELO proxy for=${session.downstream}\n`

/** The handler of the README: the first line is replaced, and who speaks another protocol is refused. */
const rewriteHello: Handler = (head, session) => {
  const end = head.indexOf(0x0a)
  if (end < 0) return more()
  if (!startsWith(head, 'HELO ')) return reject('not the FOO protocol')
  return replace(end + 1, encode(rewritten(session)))
}

describe('inspect', () => {
  it('pass: the head and everything after it goes on as it came', () => inspected({}, () => pass(), async (relay, listener) => {
    const downstream = await connect(relay.address)
    await downstream.end(greeting)
    const upstream = await listener.accept()
    assert.equal((await upstream.readAll()).text, greeting)
    await upstream.end('ok')
    assert.equal((await downstream.readAll()).text, 'ok')
    assert.equal((await relay.close()).reason, 'finished')
  }))

  it('replace: the first line is exchanged wherever the stream is split', async function () {
    await inspected({}, rewriteHello, async (relay, listener) => {
      for (let split = 1; split < greeting.length; split++) {
        const downstream = await connect(relay.address)
        const whole = split > greeting.indexOf('\n')
        await downstream.send(greeting.slice(0, split))
        if (whole) await relay.opens(split) // the verdict is there before the second part is sent
        await downstream.end(greeting.slice(split))
        const upstream = await listener.accept()
        assert.equal((await upstream.readAll()).text, `HELO proxy for=127.0.0.1:${String(downstream.socket.localPort)}\nand the rest of the stream`, `split at ${split}`)
        await upstream.end()
        await downstream.readAll()
      }
    })
  })

  it('more: the handler sees the head grow byte by byte, from its beginning each time', async () => {
    const seen: string[] = []
    let wake: () => void = () => undefined
    const handler: Handler = (head) => {
      seen.push(head.toString())
      wake()
      return head.length < 5 ? more() : pass()
    }
    await inspected({}, handler, async (relay, listener) => {
      const downstream = await connect(relay.address)
      for (const byte of 'abcde') {
        const called = new Promise<void>((resume) => { wake = resume })
        await downstream.send(byte)
        await called
      }
      await downstream.end()
      assert.deepEqual(seen, ['a', 'ab', 'abc', 'abcd', 'abcde'])
      const upstream = await listener.accept()
      assert.equal((await upstream.readAll()).text, 'abcde')
      await upstream.end()
    })
  })

  it('minBytes: the handler is not called before there are that many', async () => {
    const seen: number[] = []
    await inspected({ minBytes: 4 }, (head) => { seen.push(head.length); return pass() }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      for (const byte of 'abcd') await downstream.send(byte)
      const upstream = await listener.accept()
      assert.equal((await upstream.read(4)).toString(), 'abcd')
      assert.equal(seen.length, 1)
      assert.ok((seen[0] ?? 0) >= 4)
    })
  })

  it('reject: the reply, then the end; nothing reaches the upstream', () => inspected({}, () => reject('no', 'ERR no\n'), async (relay, listener) => {
    const downstream = await connect(relay.address)
    await downstream.send('anything')
    const { text, ending } = await downstream.readAll()
    assert.deepEqual({ text, ending }, { text: 'ERR no\n', ending: 'fin' })
    await downstream.end()
    const { reason, message, bytesToUpstream } = await relay.close()
    assert.deepEqual({ reason, message, bytesToUpstream }, { reason: 'rejected', message: 'no', bytesToUpstream: 0 })
    assert.equal(listener.count(), 0)
  }))

  it('a head beyond maxBytes without a verdict ends the session as headTooLarge', () => inspected({ maxBytes: 64 }, () => more(), async (relay, listener) => {
    const downstream = await connect(relay.address)
    await downstream.send('x'.repeat(1000)).catch(() => undefined)
    await downstream.readAll()
    assert.equal((await relay.close()).reason, 'headTooLarge')
    assert.equal(listener.count(), 0)
  }))

  it('a head is never shown with more than maxBytes, and what is beyond it is not lost', async () => {
    let largest = 0
    await inspected({ maxBytes: 64 }, (head) => { largest = Math.max(largest, head.length); return head.length < 64 ? more() : pass() }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      await downstream.end('y'.repeat(100_000))
      const upstream = await listener.accept()
      assert.equal((await upstream.readAll()).bytes, 100_000)
      await upstream.end()
      assert.equal(largest, 64)
    })
  })

  it('a FIN before the verdict ends the session as headIncomplete', () => inspected({}, () => more(), async (relay) => {
    const downstream = await connect(relay.address)
    await downstream.end('HEL')
    await downstream.readAll()
    assert.equal((await relay.close()).reason, 'headIncomplete')
  }))

  // pitfalls 20; time is the subject
  it('a byte now and then does not put the deadline off', () => inspected({ timeoutMs: 500 }, () => more(), async (relay) => {
    const downstream = await connect(relay.address)
    const state = { over: false }
    const ended = relay.close().finally(() => { state.over = true })
    while (!state.over) {
      await downstream.send('.').catch(() => undefined)
      await pause(50)
    }
    const { reason, durationMs } = await ended
    assert.equal(reason, 'headTimeout')
    assert.ok(durationMs >= 500 && durationMs < 2_500, `${durationMs} ms`)
    await downstream.readAll()
  }))

  it('the deadline is over with the verdict', () => inspected({ timeoutMs: 300 }, () => pass(), async (relay, listener) => {
    const downstream = await connect(relay.address)
    await downstream.send('a')
    const upstream = await listener.accept()
    await pause(600) // twice the deadline: that it does not strike is the subject
    await downstream.end('b')
    assert.equal((await upstream.readAll()).text, 'ab')
    await upstream.end()
    assert.equal((await relay.close()).reason, 'finished')
  }))

  it('several in a row each see the head as the one before left it', async () => {
    const listener = await listen()
    const seen: string[] = []
    const pipeline = pipe(
      from(tcp('127.0.0.1:0')),
      inspect((head) => { seen.push(head.toString()); return replace(3, encode('two')) }),
      inspect((head) => { seen.push(head.toString()); return replace(0, encode('<')) }),
      forward(tcp(listener.address)),
    )
    await withRelay(pipeline, {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.end('one!')
      const upstream = await listener.accept()
      assert.equal((await upstream.readAll()).text, '<two!')
      await upstream.end()
      assert.deepEqual(seen, ['one!', 'two!'])
    })
  })

  it('garbage in one session is no matter to the others of the same turn', () => inspected({}, rewriteHello, async (relay, listener) => {
    const good = await Promise.all(Array.from({ length: 20 }, () => connect(relay.address)))
    const bad = await Promise.all(Array.from({ length: 20 }, () => connect(relay.address)))
    await Promise.all([...good.map((peer) => peer.end('HELO x\n')), ...bad.map((peer) => peer.send('\0\xff\n'))])
    for (const peer of bad) {
      assert.equal((await peer.readAll()).bytes, 0)
      await peer.end()
    }
    for (const _ of good) {
      const upstream = await listener.accept()
      assert.match((await upstream.readAll()).text, /^HELO proxy for=/)
      await upstream.end()
    }
    const reasons = (await relay.closes(40)).map(({ reason }) => reason).sort()
    assert.deepEqual(reasons, [...good.map(() => 'finished'), ...bad.map(() => 'rejected')])
  }))
})
