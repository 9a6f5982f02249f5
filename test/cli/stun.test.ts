/** `millrace stun`. */
import assert from 'node:assert/strict'
import { startCli, runCli } from '../support/cli.ts'
import { destroyPeers } from '../support/peers.ts'
import { asker, attributes, mappedIn, parse, request } from '../support/stun.ts'
import { closeUdpPeers } from '../support/udp-peers.ts'
import { finish } from './lines.ts'

describe('millrace stun', () => {
  afterEach(closeUdpPeers)

  it('answers over UDP and TCP, and counts what it could not answer', async () => {
    await using program = startCli(['stun', 'udp://127.0.0.1:0', 'tcp://127.0.0.1:0', '--stats', '50ms'])
    const [, udp = ''] = await program.line(/^listening udp (127\.0\.0\.1:\d+) -> stun$/)
    const [, tcp = ''] = await program.line(/^listening tcp (127\.0\.0\.1:\d+) -> stun$/)
    for (const [transport, address] of [['udp', udp], ['tcp', tcp]] as const) {
      const peer = await asker(transport, address)
      const [answer] = await peer.ask(request(), request({ fingerprint: 'wrong' }))
      assert(answer)
      assert.equal(mappedIn(parse(answer)), peer.address)
    }
    await program.line(/\| dropped malformed 1 \|.* ledger balanced$/)
    await destroyPeers()
    await finish(program)
  })

  it('--software, --fingerprint, --rfc3489 and --rate-per-address reach it', async () => {
    await using program = startCli(['stun', 'udp://127.0.0.1:0', '--software', 'ours', '--fingerprint', '--rfc3489', '--rate-per-address', '2'])
    const [, address = ''] = await program.line(/^listening udp (127\.0\.0\.1:\d+) -> stun$/)
    const [answer] = await (await asker('udp', address)).ask(request({ cookie: 7 }))
    assert(answer)
    assert.deepEqual(parse(answer).order, [attributes.mappedAddress, attributes.software])
    await finish(program)
  })

  for (const [args, message] of [
    [['udp://127.0.0.1:0', '--rate-per-address', '0'], /^millrace: stun: --rate-per-address: "0" is not a whole number of at least 1\n$/],
    [['udp://127.0.0.1:0', '--software', 'x'.repeat(129)], /^millrace: stun: --software: .*1 to 128 bytes, not one of 129\n$/],
    [['http://127.0.0.1:1'], /^millrace: stun: LISTEN: /],
    [['tcp://127.0.0.1:0', '--receive-buffer', '1MiB'], /^millrace: stun: --receive-buffer is for udp, not for tcp and unix\n$/],
  ] as const) {
    it(`refuses ${args.at(-1)?.slice(0, 20)}`, async () => {
      const { code, stderr } = await runCli(['stun', ...args])
      assert.match(stderr, message)
      assert.equal(code, 2)
    })
  }
})
