/** Where TCP paces by default, sockets within this machine do not: nothing is congested there, and a timer for each burst takes half of what could go through. */
import assert from 'node:assert/strict'
import { inNamespace } from '../support/namespace.ts'
import { threads } from '../support/relay.ts'

const address = 'ip addr add 192.0.2.1/32 dev lo'
const withControl = (name: string): string => `${address} && sysctl -qw net.ipv4.tcp_congestion_control=${name}`

for (const thread of threads) {
  describe(`congestion control, ${thread} thread`, () => {
    it('bbr: not over the loopback, and as it is elsewhere', async () => {
      const found = await inNamespace(withControl('bbr'), 'congestion-case.ts', [thread])
      if (found === undefined) return
      assert.deepEqual(found, { '127.0.0.1': { downstream: ['reno'], upstream: ['reno'] }, '192.0.2.1': { downstream: ['bbr'], upstream: ['bbr'] } })
    })

    it('one that does not pace stays', async () => {
      const found = await inNamespace(withControl('cubic'), 'congestion-case.ts', [thread])
      if (found === undefined) return
      assert.deepEqual(found, { '127.0.0.1': { downstream: ['cubic'], upstream: ['cubic'] }, '192.0.2.1': { downstream: ['cubic'], upstream: ['cubic'] } })
    })
  })
}
