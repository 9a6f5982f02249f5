import assert from 'node:assert/strict'
import { choose, close, deny, echo, forward, listen as from, more, pipe, reject, tcp, type ChooseHandler, type ChooseOptions } from '../../lib/index.ts'
import { connect, listen, type Listener } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'

type Name = 'upstream' | 'echo' | 'denied'

async function chosen(options: ChooseOptions, handler: ChooseHandler<Name>, body: (relay: TestRelay, listener: Listener) => Promise<void>, onError: (error: unknown) => void = () => undefined): Promise<void> {
  const listener = await listen()
  const branches = { upstream: forward(tcp(listener.address)), echo: echo(), denied: [deny('127.0.0.0/8'), close()] } as const
  await withRelay(pipe(from(tcp('127.0.0.1:0')), choose(branches, options, handler)), { onError }, (relay) => body(relay, listener))
}

describe('choose', () => {
  it('is asked when the session is accepted, with no bytes, so that an upstream may speak first', async () => {
    const seen: number[] = []
    await chosen({}, (head) => { seen.push(head.length); return 'upstream' }, async (relay, listener) => {
      const downstream = await connect(relay.address)
      await (await listener.accept()).end('welcome')
      assert.equal((await downstream.readAll()).text, 'welcome')
      assert.deepEqual(seen, [0])
    })
  })

  it('sends each session into the branch that it names by the head, and loses none of it', () => chosen({ minBytes: 1 }, (head) => (head[0] === 0x65 ? 'echo' : 'upstream'), async (relay, listener) => {
    const [echoed, forwarded] = [await connect(relay.address), await connect(relay.address)]
    await Promise.all([echoed.end('echo this'), forwarded.end('forward this')])
    assert.equal((await echoed.readAll()).text, 'echo this')
    assert.equal((await (await listener.accept()).readAll()).text, 'forward this')
    assert.equal(listener.count(), 1)
  }))

  it('a promise of a name', () => chosen({ minBytes: 1 }, async (head) => {
    await Promise.resolve()
    return head.toString() === 'wait' ? 'echo' : 'denied'
  }, async (relay) => {
    const downstream = await connect(relay.address)
    await downstream.end('wait')
    assert.equal((await downstream.readAll()).text, 'wait')
    assert.equal((await relay.close()).reason, 'finished')
  }))

  it('a branch may have stages', () => chosen({}, () => 'denied', async (relay) => {
    await (await connect(relay.address)).readAll()
    assert.equal((await relay.close()).reason, 'denied')
  }))

  it('more: is asked again when the head has grown', async () => {
    await chosen({ minBytes: 1 }, (head) => (head.includes(0x0a) ? 'echo' : more()), async (relay) => {
      const downstream = await connect(relay.address)
      for (const byte of 'a line\n') await downstream.send(byte)
      assert.equal((await downstream.read(7)).toString(), 'a line\n')
    })
  })

  for (const [how, answer] of [['at once', () => reject('nowhere', 'nowhere\n')], ['later', () => Promise.resolve(reject('nowhere', 'nowhere\n'))]] as const) {
    it(`reject ${how}: the reply, then the end`, () => chosen({}, answer, async (relay, listener) => {
      const downstream = await connect(relay.address)
      assert.equal((await downstream.readAll()).text, 'nowhere\n')
      await downstream.end()
      const { reason, message } = await relay.close()
      assert.deepEqual({ reason, message }, { reason: 'rejected', message: 'nowhere' })
      assert.equal(listener.count(), 0)
    }))
  }

  it('a name that no branch has, as plain JavaScript may answer, ends the session as handlerError and lists the branches', async () => {
    const errors: unknown[] = []
    const nonsense: unknown = JSON.parse('"elsewhere"')
    const isName = (_value: unknown): _value is Name => true
    await chosen({}, () => (isName(nonsense) ? nonsense : 'echo'), async (relay) => {
      await (await connect(relay.address)).readAll()
      assert.equal((await relay.close()).reason, 'handlerError')
      assert.match(String(errors[0]), /"elsewhere" is none of the branches upstream, echo, denied/)
    }, (error) => { errors.push(error) })
  })

  // time is the subject
  it('a name that does not come within timeoutMs ends the session as headTimeout', () => chosen({ timeoutMs: 300 }, () => new Promise(() => undefined), async (relay) => {
    await (await connect(relay.address)).readAll()
    const { reason, durationMs } = await relay.close()
    assert.equal(reason, 'headTimeout')
    assert.ok(durationMs >= 300 && durationMs < 2_300, `${durationMs} ms`)
  }))
})
