/** What the machine has to have, said where it has not; and what the loopback can do. */
import assert from 'node:assert/strict'
import { runCli, startCli } from '../support/cli.ts'
import { offloadNet, six, type OffloadNet, type Question } from '../support/offload.ts'
import { addresses } from '../support/three-namespaces.ts'

const { b, bTowardsC, c } = addresses

describe('offload: what the machine has to have', () => {
  const tell = async (net: OffloadNet, listen: string, upstream: string, ...under: readonly string[]): Promise<string> => {
    const { stderr, stdout, code } = await runCli(['forward', listen, upstream, '--offload', 'nftables'], { under: [...net.under.b, ...under] })
    assert.deepEqual([stdout, code], ['', 1])
    assert.deepEqual(await net.tables(), [])
    return stderr
  }

  it('forwarding, for the family that is used: the error has the command', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await net.sysctl('net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0')
    assert.equal(await tell(net, `udp://${b}:7890`, `udp://${c}:7890`), 'millrace: forward: offload: the kernel does not forward IPv4: sysctl -w net.ipv4.ip_forward=1\n')
    assert.equal(await tell(net, `tcp://[${six.b}]:7890`, `tcp://[${six.c}]:7890`), 'millrace: forward: offload: the kernel does not forward IPv6: sysctl -w net.ipv6.conf.all.forwarding=1\n')
    assert.match(await tell(net, 'tcp://127.0.0.1:7890', `tcp://${c}:7890`), /^millrace: forward: offload: the kernel lets nothing to or from 127\.0\.0\.0\/8 through .*: sysctl -w net\.ipv4\.conf\.all\.route_localnet=1\n$/)
    assert.equal(await tell(net, 'tcp://[::1]:7890', `tcp://[${six.c}]:7890`), 'millrace: forward: forward[0]: cannot be offloaded to nftables: tcp [::1]:7890 cannot reach another machine, ::1 does not leave the loopback; use another address of this machine\n')
    assert.equal(await tell(net, `tcp://[${six.b}]:7890`, 'tcp://[::1]:7891'), 'millrace: forward: forward[0]: cannot be offloaded to nftables: ::1 cannot be reached from another machine, ::1 does not leave the loopback; use another address of this machine\n')
  })

  it('the capability CAP_NET_ADMIN, and nft', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const needs = 'nft needs the capability CAP_NET_ADMIN: run as root, or give it, as AmbientCapabilities=CAP_NET_ADMIN in a systemd unit does\n'
    const without = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']
    assert.equal(await tell(net, `udp://${b}:7890`, `udp://${c}:7890`, ...without), `millrace: forward: offload: ${needs}`)
    for (const what of ['show', 'clear']) assert.equal((await runCli(['offload', what], { under: [...net.under.b, ...without] })).stderr, `millrace: offload: ${needs}`)
    // `ip netns exec` has a mount namespace of its own, so this hides nft from nobody else.
    const hidden = ['sh', '-c', 'mount -t tmpfs none "$(dirname "$(readlink -f "$(PATH=$PATH:/usr/sbin:/sbin command -v nft)")")" && exec "$@"', 'sh']
    assert.equal(await tell(net, `udp://${b}:7890`, `udp://${c}:7890`, ...hidden), 'millrace: forward: offload: nft is not installed: it is in the package nftables\n')
  })

  it('addresses of its own, and for both families of a dual-stack listener an upstream', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    assert.match(await tell(net, 'udp://10.99.0.1:7890', `udp://${c}:7890`), /^millrace: forward: \w+ EADDRNOTAVAIL 10\.99\.0\.1:7890\n$/)
    assert.equal(
      await tell(net, 'udp://[::]:7890', `udp://[${six.c}]:7890`),
      `millrace: forward: forward[0]: cannot be offloaded to nftables: udp [::]:7890 takes IPv4, but udp [${six.c}]:7890 has no IPv4 address, and the kernel does not change the family; listen(…, { dualStack: false }) takes IPv6 only\n`,
    )
  })

  it('the loopback: within the machine always, from there to others and from others to there with route_localnet', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _there = await net.echo('c', 9000, 9000)
    await using _here = await net.echo('b', 9000, 9000)
    const served = async (listen: string, upstream: string, where: 'a' | 'b', host: string): Promise<readonly string[]> => {
      const started = (['udp', 'tcp'] as const).map((kind) => startCli(['forward', `${kind}://${listen}:7890`, `${kind}://${upstream}:9000`, '--offload', 'nftables'], { under: net.under.b }))
      await Promise.all(started.map((one) => one.line(/^listening /)))
      const said = await net.ask(where, ['udp', 'tcp'].map((kind): Question => ({ kind: kind === 'udp' ? 'udp' : 'tcp', host, port: 7890 })))
      await Promise.all(started.map((one) => one[Symbol.asyncDispose]()))
      return said
    }
    const twice = (from: string): readonly string[] => [`9000 ${from} hello`, `9000 ${from} hello`]
    await net.sysctl('net.ipv4.ip_forward=0')
    assert.deepEqual(await served('127.0.0.1', '127.0.0.1', 'b', '127.0.0.1'), twice('127.0.0.1'))
    assert.deepEqual(await served('[::1]', '[::1]', 'b', '::1'), twice('::1'))
    await net.sysctl('net.ipv4.conf.all.route_localnet=1')
    assert.deepEqual(await served('127.0.0.1', c, 'b', '127.0.0.1'), twice(bTowardsC))
    assert.deepEqual(await served(b, '127.0.0.1', 'a', b), twice('127.0.0.1'))
  })
})
