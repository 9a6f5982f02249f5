/** Redis behind `millrace forward`: redis-cli round trips, large values, mass insertion, and redis-benchmark one by one and pipelined. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { digestOf, program, temporaryFolder } from '../support/programs.ts'
import { sha256 } from '../support/peers.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** No answer takes longer, however busy the machine; a wake-up that is lost would never be made good. */
const stallMs = 2_000

describe('Redis behind forward', () => {
  const folder = temporaryFolder()
  let redis: ReturnType<typeof child>
  let relay: ForwardProcess

  before(async () => {
    const port = await unusedPort()
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder.path]
    redis = child(program('redis-server', 'redis-server'), args, { env: plainEnv() })
    await redis.line(/Ready to accept connections/)
    relay = await forwardProcess(port)
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    redis.kill('SIGTERM')
    await redis.exited
    folder[Symbol.dispose]()
  })

  const cli = (...args: string[]) => run(program('redis-cli', 'redis-tools'), ['-h', '127.0.0.1', '-p', String(relay.port), ...args])

  it('redis-cli sets and gets', async () => {
    assert.equal((await cli('PING')).stdout, 'PONG\n')
    assert.equal((await cli('SET', 'key', 'value')).stdout, 'OK\n')
    assert.equal((await cli('GET', 'key')).stdout, 'value\n')
  })

  it('a 32 MB value goes up and comes back as it was', async () => {
    const value = randomBytes(16 << 20).toString('hex')
    const target = ['-h', '127.0.0.1', '-p', String(relay.port)]
    await digestOf(program('redis-cli', 'redis-tools'), [...target, '-x', 'SET', 'large'], { input: value })
    const got = await digestOf(program('redis-cli', 'redis-tools'), [...target, '--raw', 'GET', 'large'])
    assert.equal(got.sha256, sha256(Buffer.from(`${value}\n`)))
  })

  it('redis-cli --pipe inserts 200,000 keys without an error', async () => {
    const count = 200_000
    const command = (i: number) => ['SET', `k${i}`, `v${i}`].reduce((text, word) => `${text}$${word.length}\r\n${word}\r\n`, '*3\r\n')
    const input = Array.from({ length: count }, (_, i) => command(i)).join('')
    const target = ['-h', '127.0.0.1', '-p', String(relay.port), '--pipe']
    const got = await digestOf(program('redis-cli', 'redis-tools'), target, { input })
    assert.ok(got.bytes > 0)
    assert.equal((await cli('GET', `k${count - 1}`)).stdout, `v${count - 1}\n`)
  })

  for (const pipelined of [1, 16]) {
    it(`redis-benchmark -P ${pipelined} ends without an error or a stall`, async () => {
      const args = ['-h', '127.0.0.1', '-p', String(relay.port), '-c', '50', '-n', '50000', '-P', String(pipelined), '--csv', '-t', 'set,get,lpush,lrange_100']
      const { stdout, stderr } = await run(program('redis-benchmark', 'redis-tools'), args)
      const results = [...stdout.matchAll(/^"([^"]+)","([\d.]+)",.*"([\d.]+)"$/gm)].map(([, test, perSecond, maxMs]) => ({ test, perSecond: Number(perSecond), maxMs: Number(maxMs) }))
      for (const { test, perSecond, maxMs } of results) console.log(`      ${test}: ${perSecond} requests/s, longest ${maxMs} ms`)
      assert.equal(results.length, 5, stdout) // lrange_100 fills its list first, which is a result of its own
      assert.doesNotMatch(stdout + stderr, /error/i)
      for (const { test, maxMs } of results) assert.ok(maxMs < stallMs, `${test}: one answer took ${maxMs} ms`)
    })
  }
})
