/** When a member is up and when it is down, by what its checks have found. */
import assert from 'node:assert/strict'
import { startChecker } from '../../lib/checks/checker.ts'
import { afterFreeMs } from '../../lib/checks/patience.ts'
import { tcpCheck } from '../../lib/index.ts'
import { tcp } from '../../lib/endpoint.ts'
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

  it('ends for good when it is called off', async () => {
    const callOff = afterFreeMs(1, () => assert.fail('called off'))
    callOff()
    await pause(20)
  })
})
