/** Pitfall 30: an elephant's bytes are bounded per turn, so that a mouse gets its turn. The latencies are printed; only progress is asserted. */
import assert from 'node:assert/strict'
import { child, root, sanitized } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { echoProcess } from '../support/echo-process.ts'

const elephants = 2
const mice = 100
const rounds = sanitized ? 20 : 100

describe(`${elephants} elephants beside ${mice} mice`, function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  it('every mouse makes all its round trips', async () => {
    await using upstream = await echoProcess()
    await using relay = await forwardProcess(upstream.port)
    await using herd = child(process.execPath, ['--import', 'tsx', `${root}test/support/elephants.ts`, String(relay.port), String(elephants)])
    await herd.line(/^trampling$/)

    const latencies: number[] = []
    const start = performance.now()
    await many(mice, async () => {
      const mouse = await connect(`127.0.0.1:${relay.port}`)
      for (let round = 0; round < rounds; round++) {
        const before = performance.now()
        await mouse.send('squeak')
        assert.equal((await mouse.read(6)).toString(), 'squeak')
        latencies.push(performance.now() - before)
      }
    })
    const seconds = (performance.now() - start) / 1000
    herd.kill('SIGTERM')
    const bytes = Number((await herd.line(/^trampled (\d+)$/))[1])
    latencies.sort((a, b) => a - b)
    const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? NaN).toFixed(2)
    console.log(`      ${latencies.length} round trips in ${seconds.toFixed(1)} s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(0.9999)} ms; elephants ${(bytes / 2 ** 30 / seconds).toFixed(2)} GiB/s`)
    assert.equal(latencies.length, mice * rounds)
    assert.ok(bytes > 0)
  })
})
