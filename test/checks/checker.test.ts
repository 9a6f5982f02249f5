/** When a member is up and when it is down, by what its checks have found. */
import assert from 'node:assert/strict'
import { startChecker } from '../../lib/checks/checker.ts'
import { afterFreeMs } from '../../lib/checks/patience.ts'
import { runCheck } from '../../lib/checks/run-check.ts'
import { dgramCheck, forward, listen as from, pipe, tcp, tcpCheck, udp, upstreams } from '../../lib/index.ts'
import { withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { pause, within } from '../support/until.ts'

/** Runs checks with these results, at once, and tells what changed after which. */
async function changes(results: string, options: { readonly rise: number; readonly fall: number }): Promise<readonly string[]> {
  const told: string[] = []
  let made = 0
  await within(new Promise<void>((resolve) => {
    const checker = startChecker({ ...tcpCheck(options).plan, intervalMs: 0 }, tcp('127.0.0.1:1').at, {
      onChange: (down, why) => told.push(`${made} ${down ? 'down' : 'up'} ${why}`),
      run(_check, _at, done) {
        if (made === results.length) {
          checker.stop()
          resolve()
          return () => undefined
        }
        const result = results[made++]
        setImmediate(() => done(result === '+' ? undefined : result === '?' ? 'EMFILE' : 'broken'))
        return () => undefined
      },
    })
  }), 'all checks')
  return told
}

describe('a checker', () => {
  it('takes the first result alone, and then `fall` failures or `rise` passes in a row', async () => {
    assert.deepEqual(await changes('-+++', { rise: 2, fall: 3 }), ['1 down broken', '3 up tcpCheck has passed'])
    assert.deepEqual(await changes('+--+--+---', { rise: 2, fall: 3 }), ['10 down broken'])
    assert.deepEqual(await changes('+---+-+-++', { rise: 2, fall: 3 }), ['4 down broken', '10 up tcpCheck has passed'])
    assert.deepEqual(await changes('+-+-', { rise: 1, fall: 1 }), ['2 down broken', '3 up tcpCheck has passed', '4 down broken'])
  })

  it('learns nothing from what fails on this side', async () => {
    assert.deepEqual(await changes('??-?+?+', { rise: 2, fall: 3 }), ['3 down broken', '7 up tcpCheck has passed'])
  })

  it('waits for the longest interval too', async () => {
    let checks = 0
    const checker = startChecker(tcpCheck({ intervalMs: 2_147_483_647 }).plan, tcp('127.0.0.1:1').at, {
      onChange: () => undefined,
      random: () => 1,
      run(_check, _at, done) {
        checks++
        setImmediate(() => done(undefined))
        return () => undefined
      },
    })
    await pause(50)
    checker.stop()
    assert.equal(checks, 1)
  })

  it('says nothing after it was stopped, and calls off the check that is under way', () => {
    let [calledOff, told] = [0, 0]
    let answer: (failure: string | undefined) => void = () => undefined
    const checker = startChecker(tcpCheck().plan, tcp('127.0.0.1:1').at, {
      onChange: () => { told++ },
      run(_check, _at, done) {
        answer = done
        return () => { calledOff++ }
      },
    })
    checker.stop()
    answer('broken')
    assert.deepEqual([calledOff, told, checker.down()], [1, 0, false])
  })
})

describe('a check', () => {
  it('may be called off again and again, also when it is over', async () => {
    const silent = await udpPeer()
    const check = dgramCheck({ send: 'who is there?', timeoutMs: 50 }).plan
    const callOff = runCheck(check, udp(silent.address).at, () => assert.fail('it was called off'))
    callOff()
    callOff()
    const failed = await within(new Promise<string | undefined>((resolve) => {
      const end = runCheck(check, udp(silent.address).at, (failure) => { resolve(failure); end() })
    }), 'the end of its time')
    assert.equal(failed, 'no answer within 50 ms')
    await silent.close()
  })

  it('a server may close while one of datagrams is under way', async () => {
    const silent = await udpPeer()
    const set = upstreams([udp(silent.address)], { health: dgramCheck({ send: 'x', timeoutMs: 60_000 }) })
    await withRelay(pipe(from(udp('127.0.0.1:0')), forward(set)), {}, async () => {
      assert.equal((await silent.texts(1))[0], 'x')
    })
  })
})

describe('patience', () => {
  it('counts no time in which the thread was held', async () => {
    let over = false
    const begun = performance.now()
    const ended = new Promise<void>((resolve) => {
      afterFreeMs(80, () => {
        over = true
        resolve()
      })
    })
    const end = performance.now() + 300
    while (performance.now() < end);
    await pause(0)
    await new Promise(setImmediate)
    assert.equal(over, false)
    await within(ended, 'the end of the wait')
    assert.ok(performance.now() - begun >= 300 + 80 - 15 - 10, 'and all of the rest')
  })

  it('is over in time where the thread has nothing else to do', async () => {
    let over = false
    afterFreeMs(50, () => { over = true })
    await pause(3_000)
    assert.equal(over, true)
  })

  it('ends for good when it is called off', async () => {
    const callOff = afterFreeMs(1, () => assert.fail('called off'))
    callOff()
    await pause(20)
  })
})
