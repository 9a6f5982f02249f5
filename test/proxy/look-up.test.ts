/** How names are looked up for the clients of a proxy: with a resolver and a clock that the test holds in its hands. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { createLookUp } from '../../lib/look-up.ts'
import type { NameAddress } from '../../lib/resolve.ts'

/** A clock that goes only where it is told to. */
function stoppedClock() {
  let at = 1_000_000
  const due = new Set<{ readonly at: number; readonly act: () => void }>()
  return {
    now: () => at,
    schedule(act: () => void, ms: number) {
      const timer = { at: at + ms, act }
      due.add(timer)
      return () => { due.delete(timer) }
    },
    timers: () => due.size,
    async pass(ms: number) {
      at += ms
      for (const timer of [...due].filter((one) => one.at <= at)) {
        due.delete(timer)
        timer.act()
      }
      for (let i = 0; i < 5; i++) await turn()
    },
  }
}

/** Remembers what it is asked, and answers when the test does. */
function heldResolver() {
  const asked: { readonly name: string; readonly answer: (found: readonly NameAddress[]) => void; readonly fail: (error: unknown) => void }[] = []
  const resolver = (name: string) => new Promise<readonly NameAddress[]>((answer, fail) => { asked.push({ name, answer, fail }) })
  return { asked, resolver, names: () => asked.map(({ name }) => name) }
}

const address = (text: string, ttl = 60): NameAddress => ({ address: text, ttl })
const settled = async (): Promise<void> => { for (let i = 0; i < 5; i++) await turn() }

describe('the look-up of names for clients of a proxy', () => {
  for (const [ttl, usedForMs] of [[0, 1_000], [1, 1_000], [60, 60_000], [3_600, 3_600_000], [86_400, 3_600_000], [-5, 1_000]] as const) {
    it(`uses what has a TTL of ${ttl} s for ${usedForMs} ms`, async () => {
      const clock = stoppedClock()
      let count = 0
      const lookUp = createLookUp(async () => [address(`192.0.2.${++count}`, ttl)], clock)
      assert.deepEqual(await lookUp('a.example'), ['192.0.2.1'])
      await clock.pass(usedForMs - 1)
      assert.deepEqual(await lookUp('a.example'), ['192.0.2.1'])
      await clock.pass(1)
      assert.deepEqual(await lookUp('a.example'), ['192.0.2.2'])
    })
  }

  it('goes by the least TTL of several, and gives each address once, in its one form', async () => {
    const clock = stoppedClock()
    let count = 0
    const lookUp = createLookUp(async () => (count++, [address('192.0.2.1', 600), address('::ffff:192.0.2.1', 10), address('2001:DB8:0::1', 30), address('no address', 1)]), clock)
    assert.deepEqual(await lookUp('a.example'), ['192.0.2.1', '2001:db8::1'])
    await clock.pass(9_999)
    await lookUp('a.example')
    assert.equal(count, 1)
    await clock.pass(1)
    await lookUp('a.example')
    assert.equal(count, 2)
  })

  it('remembers for 5 s that there is nothing, and that the resolver has failed', async () => {
    for (const resolver of [async () => [], async () => { throw new Error('SERVFAIL') }]) {
      const clock = stoppedClock()
      let count = 0
      const lookUp = createLookUp(async () => (count++, resolver()), clock)
      assert.deepEqual(await lookUp('a.example'), [])
      await clock.pass(4_999)
      assert.deepEqual(await lookUp('a.example'), [])
      assert.equal(count, 1)
      await clock.pass(1)
      assert.deepEqual(await lookUp('a.example'), [])
      assert.equal(count, 2)
    }
  })

  it('asks for a name once at a time, however many want it', async () => {
    const { asked, resolver } = heldResolver()
    const lookUp = createLookUp(resolver, stoppedClock())
    const all = Promise.all(Array.from({ length: 1_000 }, () => lookUp('a.example')))
    await settled()
    assert.equal(asked.length, 1)
    asked[0]?.answer([address('192.0.2.1')])
    assert.equal((await all).every((found) => found[0] === '192.0.2.1'), true)
    await lookUp('a.example')
    assert.equal(asked.length, 1)
  })

  it('asks for 64 names at most, and for the others in the order in which they came', async () => {
    const { asked, resolver, names } = heldResolver()
    const lookUp = createLookUp(resolver, stoppedClock())
    const wanted = Array.from({ length: 200 }, (_, i) => `n${i}.example`)
    const all = Promise.all(wanted.map((name) => lookUp(name)))
    await settled()
    assert.deepEqual(names(), wanted.slice(0, 64))
    asked[63]?.answer([])
    await settled()
    assert.deepEqual(names(), wanted.slice(0, 65))
    for (let i = 0; i < 200; i++) {
      asked[i]?.answer([address('192.0.2.1')])
      await settled()
      assert.ok(asked.length <= i + 1 + 64 + 1)
    }
    assert.deepEqual(names(), wanted)
    await all
  })

  it('gives up a resolver that does not answer after 10 s, and what it says later changes nothing', async () => {
    const clock = stoppedClock()
    const { asked, resolver } = heldResolver()
    const lookUp = createLookUp(resolver, clock)
    const found = lookUp('a.example')
    await settled()
    await clock.pass(10_000)
    assert.deepEqual(await found, [])
    asked[0]?.answer([address('192.0.2.1')])
    await settled()
    assert.deepEqual(await lookUp('a.example'), [])
    assert.equal(clock.timers(), 0)
  })

  it('does not let names queue behind a resolver that hangs: after 10 s they are told that there is nothing, and are not asked for any more', async () => {
    const clock = stoppedClock()
    const { asked, resolver, names } = heldResolver()
    const lookUp = createLookUp(resolver, clock)
    const flood = Array.from({ length: 10_000 }, (_, i) => lookUp(`n${i}.example`))
    await settled()
    assert.equal(names().length, 64)
    await clock.pass(10_000)
    const found = await Promise.all(flood)
    assert.equal(found.every(({ length }) => length === 0), true)
    await settled()
    assert.ok(names().length <= 128, `${names().length} names were asked for`)
    await clock.pass(10_000)
    const after = lookUp('good.example')
    await settled()
    assert.equal(names().at(-1), 'good.example')
    asked.at(-1)?.answer([address('192.0.2.1')])
    assert.deepEqual(await after, ['192.0.2.1'])
    // Who has not been asked for is not remembered as one who has nothing.
    void lookUp('n9999.example')
    await settled()
    assert.equal(names().at(-1), 'n9999.example')
    asked.at(-1)?.answer([])
    await settled()
    assert.equal(clock.timers(), 0)
  })

  it('keeps 4096 names, and forgets the oldest', async () => {
    let count = 0
    const lookUp = createLookUp(async () => (count++, [address('192.0.2.1', 3_600)]), stoppedClock())
    for (let i = 0; i <= 4_096; i++) await lookUp(`n${i}.example`)
    assert.equal(count, 4_097)
    for (let i = 1; i <= 4_096; i++) await lookUp(`n${i}.example`)
    assert.equal(count, 4_097)
    await lookUp('n0.example')
    assert.equal(count, 4_098)
  })

  it('takes 64 addresses of a name, however many it has', async () => {
    const many = Array.from({ length: 5_000 }, (_, i) => address(`192.0.${i >> 8}.${i & 255}`))
    const found = await createLookUp(async () => many, stoppedClock())('many.example')
    assert.deepEqual(found, many.slice(0, 64).map((one) => one.address))
  })

  it('never rejects, whatever a resolver does, and goes on afterwards', async () => {
    const wrongs: readonly (() => unknown)[] = [
      () => { throw new Error('at once') }, () => Promise.reject(new Error('later')), () => ({ then: (_: unknown, refuse: (why: null) => void) => refuse(null) }), () => undefined, () => null, () => 7, () => 'text', async () => undefined, async () => ({}),
      async () => [null], async () => [undefined], async () => [7], async () => [{}], async () => [{ address: 7, ttl: 1 }], async () => [{ address: null }], async () => [{ address: '300.1.1.1', ttl: 1 }],
    ]
    const calls = [...wrongs]
    // A user's resolver is called as it is: whatever comes back.
    const resolver: unknown = (name: string) => (name === 'good.example' ? Promise.resolve([address('192.0.2.1')]) : calls.shift()?.())
    assert(isResolver(resolver))
    const lookUp = createLookUp(resolver, stoppedClock())
    for (let i = 0; i < wrongs.length; i++) assert.deepEqual(await lookUp(`wrong${i}.example`), [], String(wrongs[i]))
    // Those that failed have given back their places.
    calls.push(...Array.from({ length: 200 }, () => () => { throw new Error('again') }))
    assert.deepEqual((await Promise.all(Array.from({ length: 200 }, (_, i) => lookUp(`again${i}.example`)))).flat(), [])
    assert.deepEqual(await lookUp('good.example'), ['192.0.2.1'])
  })

  it('an address without a TTL is used, and asked for again', async () => {
    let count = 0
    const resolver: unknown = async () => (count++, [{ address: '192.0.2.1' }])
    assert(isResolver(resolver))
    const lookUp = createLookUp(resolver, stoppedClock())
    assert.deepEqual([await lookUp('a.example'), await lookUp('a.example'), count], [['192.0.2.1'], ['192.0.2.1'], 2])
  })
})

function isResolver(value: unknown): value is (name: string) => Promise<readonly NameAddress[]> {
  return typeof value === 'function'
}
