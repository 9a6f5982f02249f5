/** Whose rules they are: what ends with a process, what outlives it, and who may take its place. */
import assert from 'node:assert/strict'
import { child, plainEnv, root, type Child } from '../support/child.ts'
import { runCli, startCli } from '../support/cli.ts'
import { offloadNet, type OffloadNet } from '../support/offload.ts'
import { addresses } from '../support/three-namespaces.ts'

const { b, bToo, bTowardsC, c } = addresses
const ready = /^listening /

function forward(net: OffloadNet, listen: string, upstream: string, ...more: readonly string[]): Child {
  return startCli(['forward', listen, upstream, '--offload', 'nftables', ...more], { under: net.under.b })
}

describe('offload: whose rules they are', () => {
  it('a relay that was killed leaves its rules at work, and the next start puts its own in their place', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7900)
    const ask = (port: number) => net.ask('a', [{ kind: 'udp', host: b, port }])
    await using first = forward(net, `udp://${b}:7890-7895`, `udp://${c}:7890-7895`)
    await first.line(ready)
    const [table = ''] = await net.tables()
    first.kill('SIGKILL')
    await first.exited
    assert.deepEqual(await net.tables(), [table])
    assert.deepEqual(await ask(7891), [`7891 ${bTowardsC} hello`])

    await using again = forward(net, `udp://${b}:7890-7895`, `udp://${c}:7900`)
    await again.line(ready)
    assert.deepEqual(await net.tables(), [table], 'of the same name')
    assert.deepEqual(await ask(7891), [`7900 ${bTowardsC} hello`])
    again.kill('SIGKILL')
    await again.exited

    await using other = forward(net, 'udp://0.0.0.0:7893-7896', `udp://${c}:7893-7896`)
    await other.line(ready)
    const tables = await net.tables()
    assert.equal(tables.length, 1)
    assert.notEqual(tables[0], table, 'of another name, about some of the same ports')
    assert.deepEqual([await ask(7890), await ask(7893)], [['ConnectionRefusedError'], [`7893 ${bTowardsC} hello`]])
    other.kill('SIGTERM')
    assert.equal((await other.exited).code, 0)
    assert.deepEqual(await net.tables(), [])
  })

  it('two relays keep out of each other’s way, and one that wants the other’s port is told EADDRINUSE', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7900)
    await using one = forward(net, `tcp://${b}:7890`, `tcp://${c}:7890`)
    await one.line(ready)
    await using two = forward(net, `tcp://${bToo}:7890`, `tcp://${c}:7891`)
    await two.line(ready)
    const both = () => net.ask('a', [b, bToo].map((host) => ({ kind: 'tcp', host, port: 7890 })))
    assert.deepEqual(await both(), [`7890 ${bTowardsC} hello`, `7891 ${bTowardsC} hello`])
    for (const host of [b, '0.0.0.0']) {
      const third = await runCli(['forward', `tcp://${host}:7890`, `tcp://${c}:7892`, '--offload', 'nftables'], { under: net.under.b })
      assert.equal(third.stderr, `millrace: forward: listen EADDRINUSE ${host}:7890\n`)
    }
    // And so is an ordinary relay, and one that offloads a port that an ordinary relay has.
    assert.match((await runCli(['forward', `tcp://${b}:7890`, `tcp://${c}:7892`], { under: net.under.b })).stderr, /EADDRINUSE/)
    await using plain = startCli(['echo', `udp://${b}:7890`], { under: net.under.b })
    await plain.line(ready)
    assert.match((await runCli(['forward', 'udp://0.0.0.0:7890', `udp://${c}:7892`, '--offload', 'nftables'], { under: net.under.b })).stderr, /EADDRINUSE 0\.0\.0\.0:7890/)
    one.kill('SIGKILL')
    await one.exited
    await using next = forward(net, `tcp://${b}:7890`, `tcp://${c}:7893`)
    await next.line(ready)
    assert.deepEqual(await both(), [`7893 ${bTowardsC} hello`, `7891 ${bTowardsC} hello`])
    assert.equal((await net.tables()).length, 2)
  })

  it('the rules of a worker go when it is terminated and another takes its ports, and with process.exit()', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const [command = '', ...before] = net.under.b
    await using process_ = child(command, [...before, process.execPath, `${root}test/support/offload-worker.mjs`, `udp://${b}:7890`, `udp://${c}:7890`], { env: plainEnv() })
    const [, served] = await process_.line(/^served twice: (.*)$/)
    assert.deepEqual(JSON.parse(served ?? ''), { afterTerminate: 1, afterSecond: 1 })
    await process_.line(/^endSession: ERR_MILLRACE_BAD_OPTION: endSession: the sessions of a server with offload "nftables" are the kernel's/)
    await process_.line(/^explain: runs in the kernel, as rules of nftables/)
    assert.equal((await process_.exited).code, 0)
    assert.deepEqual(await net.tables(), [])
  })

  it('sessions survive a kill -9 and the start after it, where they go on to the same upstream', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    const start = (): Child => forward(net, `tcp://${b}:7890`, `tcp://${c}:7890`)
    await using first = start()
    await first.line(ready)
    await using holding = net.hold(b, 7890, 'tcp')
    assert.deepEqual(await holding.ask('one'), [`7890 ${bTowardsC} one`])
    first.kill('SIGKILL')
    await first.exited
    assert.deepEqual(await holding.ask('two'), ['two'])
    await using second = start()
    await second.line(ready)
    assert.deepEqual(await holding.ask('three'), ['three'])
    assert.equal((await net.tables()).length, 1)
  })
})
