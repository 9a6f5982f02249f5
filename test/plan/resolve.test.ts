/** Names: when they are asked for again, and what of an answer is used. A test's own clock drives it. */
import assert from 'node:assert/strict'
import { hostsAddresses, watchName } from '../../lib/resolve.ts'
import type { NameAddress, Resolver } from '../../lib/index.ts'

type Step = { readonly addresses?: readonly string[]; readonly failure?: string; readonly afterMs: number }

/** Runs through the answers, one look-up each, and gives what was told and how long the next look-up waits. */
async function watch(answers: readonly (readonly NameAddress[] | Error)[]): Promise<readonly Step[]> {
  const steps: Step[] = []
  let told: { addresses?: readonly string[]; failure?: string } = {}
  let count = 0
  const resolver: Resolver = async () => {
    const answer = answers[count++] ?? []
    if (answer instanceof Error) throw answer
    return answer
  }
  await new Promise<void>((done) => {
    const stop = watchName('name.example', {
      resolver,
      onAddresses: (addresses) => { told = { addresses } },
      onFailure: (failure) => { told = { failure } },
      schedule: (act, afterMs) => {
        steps.push({ ...told, afterMs })
        if (steps.length < answers.length) setImmediate(act)
        else setImmediate(() => { stop(); done() })
        return () => undefined
      },
    })
  })
  return steps
}

describe('watchName', () => {
  it('asks again by the shortest TTL, from 1 s to 1 h', async () => {
    const address = '10.0.0.1'
    assert.deepEqual(
      await watch([[{ address, ttl: 0 }], [{ address, ttl: 300 }, { address: '::1', ttl: 20 }], [{ address, ttl: 100_000 }]]),
      [
        { addresses: ['10.0.0.1'], afterMs: 1_000 },
        { addresses: ['10.0.0.1', '::1'], afterMs: 20_000 },
        { addresses: ['10.0.0.1'], afterMs: 3_600_000 },
      ],
    )
  })

  it('waits longer after each failure, up to 30 s, and starts over with the first answer', async () => {
    const boom = new Error('queryA ETIMEOUT name.example')
    const failure = boom.message
    const answer = [{ address: '10.0.0.1', ttl: 60 }]
    const steps = await watch([boom, boom, boom, boom, boom, boom, boom, answer, boom])
    assert.deepEqual(steps.map(({ afterMs }) => afterMs), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 60_000, 1_000])
    assert.deepEqual(steps[0], { failure, afterMs: 1_000 })
    assert.deepEqual(steps[7], { addresses: ['10.0.0.1'], afterMs: 60_000 })
  })

  it('takes no answer and no usable address for a failure', async () => {
    const steps = await watch([[], [{ address: 'nonsense', ttl: 60 }]])
    assert.deepEqual(steps, [{ failure: 'name.example has no address', afterMs: 1_000 }, { failure: 'name.example has no address', afterMs: 2_000 }])
  })

  it('gives addresses once each, in their usual form, IPv4-mapped ones as IPv4', async () => {
    const [step] = await watch([[{ address: '::FFFF:10.0.0.1', ttl: 9 }, { address: '10.0.0.1', ttl: 9 }, { address: '2001:DB8::0', ttl: 9 }]])
    assert.deepEqual(step?.addresses, ['10.0.0.1', '2001:db8::'])
  })

  it('tells nothing any more once it is stopped', async () => {
    let answer: (found: readonly NameAddress[]) => void = () => undefined
    const asked = new Promise<readonly NameAddress[]>((resolve) => { answer = resolve })
    const stop = watchName('name.example', {
      resolver: () => asked,
      onAddresses: () => assert.fail('addresses'),
      onFailure: () => assert.fail('a failure'),
      schedule: () => assert.fail('another look-up'),
    })
    stop()
    answer([{ address: '10.0.0.1', ttl: 1 }])
    await new Promise(setImmediate)
  })
})

describe('the hosts file', () => {
  const text = '127.0.0.1\tlocalhost loop # comment db\n\n# 10.0.0.1 db\n::1 localhost\n  10.0.0.2   DB  db.internal\nnonsense db\n'

  it('gives all addresses of a name, whatever the case', () => {
    assert.deepEqual(hostsAddresses(text, 'localhost'), ['127.0.0.1', '::1'])
    assert.deepEqual(hostsAddresses(text, 'db'), ['10.0.0.2'])
    assert.deepEqual(hostsAddresses(text, 'comment'), [])
  })
})
