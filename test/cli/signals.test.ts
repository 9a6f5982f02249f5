/** SIGTERM and SIGINT drain, a second one ends at once. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readyAddress, startCli } from '../support/cli.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'

/** Until nobody listens there any more; the loop hears of the signal a moment after us. */
async function refused(address: string): Promise<void> {
  for (;;) {
    const late = await connect(address).catch((error: unknown) => String(error))
    if (typeof late !== 'string') late.destroy()
    else if (late.includes('ECONNREFUSED')) return
  }
}

describe('millrace forward ends', () => {
  afterEach(destroyPeers)

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`at once and with 0 on ${signal} where nothing is open`, async () => {
      await using program = startCli(['echo', 'tcp://127.0.0.1:0'])
      await readyAddress(program)
      program.kill(signal)
      const { code } = await program.exited
      assert.equal(code, 0)
      assert.match(program.stdout(), new RegExp(`^closing on ${signal}$`, 'm'))
      assert.equal(program.stderr(), '')
    })

    it(`with 0 after the open sessions have ended by themselves, on ${signal}, and takes no new ones meanwhile`, async () => {
      const upstream = await listen()
      await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`])
      const address = await readyAddress(program)
      const downstream = await connect(address)
      const there = await upstream.accept()
      // Counters are told of a turn at its end: bytes that have come through say that the one which opened the session is over.
      await downstream.send('before')
      assert.equal(String(await there.read(6)), 'before')
      program.kill(signal)
      await program.line(/^closing on SIG\w+: 1 open, up to 30s to end, again to end at once$/)
      await refused(address)
      await downstream.send('still here')
      assert.equal(String(await there.read(10)), 'still here')
      await there.end('goodbye')
      await downstream.end()
      assert.equal((await downstream.readAll()).text, 'goodbye')
      await destroyPeers()
      assert.equal((await program.exited).code, 0)
    })
  }

  it('with 1 and a line where the drain time runs out', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--drain', '50ms'])
    const downstream = await connect(await readyAddress(program))
    await upstream.accept()
    program.kill('SIGTERM')
    assert.equal((await program.exited).code, 1)
    assert.equal(program.stderr(), 'millrace: forward: 1 session was cut after 0.05s of draining\n')
    assert.equal((await downstream.readAll()).ending, 'reset')
  })

  for (const [first, second, code] of [['SIGTERM', 'SIGTERM', 143], ['SIGINT', 'SIGINT', 130], ['SIGTERM', 'SIGINT', 130]] as const) {
    it(`at once on ${second} after ${first}, with ${code}`, async () => {
      const upstream = await listen()
      await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--drain', '1h'])
      const downstream = await connect(await readyAddress(program))
      await upstream.accept()
      program.kill(first)
      await program.line(/^closing on/)
      program.kill(second)
      assert.equal((await program.exited).code, code)
      assert.equal((await downstream.readAll()).ending, 'reset')
    })
  }

  it('leaves no unix socket behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'))
    await using program = startCli(['echo', `unix://${folder}/echo.sock`])
    await program.line(/^listening unix \S+\/echo\.sock -> echo$/)
    program.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
    assert.deepEqual(await readdir(folder), [])
    await rm(folder, { recursive: true })
  })
})
