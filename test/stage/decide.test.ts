import assert from 'node:assert/strict'
import { decide, encode, forward, listen as from, more, pass, pipe, reject, replace, tcp, type DecideHandler, type DecideOptions, type DecideVerdict, type ServeOptions } from '../../lib/index.ts'
import { connect, listen, type Listener } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { until, within } from '../support/until.ts'

/** A promise that is settled from outside. */
type Answer = { readonly promise: Promise<DecideVerdict>; readonly give: (verdict: DecideVerdict) => void; readonly fail: (error: Error) => void }

function answer(): Answer {
  let give: Answer['give'] = () => undefined
  let fail: Answer['fail'] = () => undefined
  const promise = new Promise<DecideVerdict>((resume, refuse) => {
    give = resume
    fail = refuse
  })
  return { promise, give, fail }
}

async function decided(options: DecideOptions, handler: DecideHandler, body: (relay: TestRelay, listener: Listener) => Promise<void>, serving: ServeOptions = {}): Promise<void> {
  const listener = await listen()
  await withRelay(pipe(from(tcp('127.0.0.1:0')), decide(options, handler), forward(tcp(listener.address))), serving, (relay) => body(relay, listener))
}

const aborted = (signal: AbortSignal): Promise<void> => within(new Promise((resume) => {
  if (signal.aborted) resume()
  signal.addEventListener('abort', () => { resume() })
}), 'the signal to be aborted')

describe('decide', () => {
  it('is asked when the session is accepted, with no bytes, so that an upstream may speak first', async () => {
    const seen: number[] = []
    await decided({}, (head) => { seen.push(head.length); return pass() }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      const upstream = await listener.accept()
      await upstream.end('220 welcome\n')
      assert.equal((await downstream.readAll()).text, '220 welcome\n')
      await downstream.end('hello')
      assert.equal((await upstream.readAll()).text, 'hello')
      assert.deepEqual(seen, [0])
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('a promise: nobody is connected to before it settles, and what came meanwhile is not lost', async () => {
    const verdict = answer()
    await decided({}, () => verdict.promise, async (relay, listener) => {
      const downstream = await connect(relay.address)
      await downstream.end('patience')
      await until(() => relay.server.ledger().sessions.open === 1, 'the session')
      assert.equal(listener.count(), 0)
      verdict.give(pass())
      const upstream = await listener.accept()
      assert.equal((await upstream.readAll()).text, 'patience')
      await upstream.end()
      await downstream.readAll()
    })
  })

  it('minBytes: is asked once there are that many', async () => {
    const seen: string[] = []
    await decided({ minBytes: 4 }, (head) => { seen.push(head.toString()); return Promise.resolve(pass()) }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      for (const byte of 'abcd') await downstream.send(byte)
      assert.equal((await (await listener.accept()).read(4)).toString(), 'abcd')
      assert.deepEqual(seen, ['abcd'])
    })
  })

  it('more: answered at once, it asks again when the head has grown', async () => {
    const seen: string[] = []
    await decided({ minBytes: 1 }, (head) => {
      seen.push(head.toString())
      return head.includes(0x0a) ? Promise.resolve(pass()) : more()
    }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      await downstream.send('one')
      await until(() => seen.length === 1, 'the first call')
      await downstream.send(' line\n')
      assert.equal((await (await listener.accept()).read(9)).toString(), 'one line\n')
      assert.deepEqual(seen, ['one', 'one line\n'])
    })
  })

  it('the head is a copy: it is still the same when the decision is made', async () => {
    const answers: Answer[] = []
    const heads: Buffer[] = []
    await decided({ minBytes: 1 }, (head) => {
      const verdict = answer()
      answers.push(verdict)
      heads.push(head)
      return verdict.promise
    }, async (relay) => {
      for (const text of ['first', 'other']) {
        await (await connect(relay.address)).send(text)
        await until(() => heads.length === (text === 'first' ? 1 : 2), 'the call')
      }
      assert.deepEqual(heads.map(String), ['first', 'other'])
      for (const verdict of answers) verdict.give(pass())
    })
  })

  it('replace: the upstream gets the other bytes and what came after them', () => decided({ minBytes: 4 }, async (head) => {
    await Promise.resolve()
    return replace(4, encode(`hello ${head.subarray(0, 4).toString()}`))
  }, async (relay, listener) => {
    const downstream = await connect(relay.address)
    await downstream.end('user and more')
    const upstream = await listener.accept()
    assert.equal((await upstream.readAll()).text, 'hello user and more')
    await upstream.end()
    await downstream.readAll()
  }))

  for (const [how, verdict] of [['at once', () => reject('no', 'go away\n')], ['later', () => Promise.resolve(reject('no', 'go away\n'))]] as const) {
    it(`reject ${how}: the reply, then the end, and no upstream is asked`, () => decided({}, verdict, async (relay, listener) => {
      const downstream = await connect(relay.address)
      const { text, ending } = await downstream.readAll()
      assert.deepEqual({ text, ending }, { text: 'go away\n', ending: 'fin' })
      await downstream.end()
      const { reason, message } = await relay.close()
      assert.deepEqual({ reason, message }, { reason: 'rejected', message: 'no' })
      assert.equal(listener.count(), 0)
    }))
  }

  it('the signal is aborted when the downstream is reset, and a late answer counts for nothing', async () => {
    const verdict = answer()
    let signal = new AbortController().signal
    let asked = false
    await decided({}, (_head, _session, given) => { [signal, asked] = [given, true]; return verdict.promise }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      await until(() => asked, 'the call')
      assert.equal(signal.aborted, false)
      downstream.reset()
      await aborted(signal)
      assert.equal((await relay.close()).reason, 'resetByDownstream')
      verdict.give(pass())
      await verdict.promise
      assert.equal(listener.count(), 0)
    })
  })

  // time is the subject
  it('an answer that does not come within timeoutMs ends the session as headTimeout and aborts the signal', async () => {
    let signal = new AbortController().signal
    await decided({ timeoutMs: 300 }, (_head, _session, given) => { signal = given; return new Promise(() => undefined) }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      assert.equal((await downstream.readAll()).bytes, 0)
      const { reason, durationMs } = await relay.close()
      assert.equal(reason, 'headTimeout')
      assert.ok(durationMs >= 300 && durationMs < 2_300, `${durationMs} ms`)
      await aborted(signal)
      assert.equal(listener.count(), 0)
    })
  })

  it('a server that closes aborts what is still being decided', async () => {
    let signal = new AbortController().signal
    let asked = false
    await decided({}, (_head, _session, given) => { [signal, asked] = [given, true]; return new Promise(() => undefined) }, async (relay) => {
      await connect(relay.address)
      await until(() => asked, 'the call')
      await relay.server.close({ drainMs: 0 })
      await aborted(signal)
      assert.equal((await relay.close()).reason, 'serverClosed')
    })
  })

  it('session.close() ends it while the decision is pending', async () => {
    let signal = new AbortController().signal
    await decided({}, (_head, session, given) => {
      signal = given
      queueMicrotask(() => { session.close() })
      return new Promise(() => undefined)
    }, async (relay) => {
      const downstream = await connect(relay.address)
      assert.equal((await downstream.readAll()).ending, 'fin')
      await downstream.end()
      assert.equal((await relay.close()).reason, 'closedByHandler')
      await aborted(signal)
    })
  })

  it('a promise that rejects ends its session as handlerError and is told to onError', async () => {
    const errors: unknown[] = []
    await decided({}, () => Promise.reject(new Error('the directory is down')), async (relay) => {
      assert.equal((await (await connect(relay.address)).readAll()).ending, 'reset')
      const { reason, message } = await relay.close()
      assert.deepEqual({ reason, message }, { reason: 'handlerError', message: 'the directory is down' })
      assert.match(String(errors[0]), /the directory is down/)
    }, { onError: (error) => { errors.push(error) } })
  })

  it('one that waits holds up nobody else', async () => {
    const verdict = answer()
    let calls = 0
    await decided({ minBytes: 1 }, () => (calls++ === 0 ? verdict.promise : pass()), async (relay, listener) => {
      const first = await connect(relay.address)
      await first.send('first')
      await until(() => calls === 1, 'the first call')
      const second = await connect(relay.address)
      await second.send('second')
      assert.equal((await (await listener.accept()).read(6)).toString(), 'second')
      verdict.give(pass())
      assert.equal((await (await listener.accept()).read(5)).toString(), 'first')
    })
  })
})
