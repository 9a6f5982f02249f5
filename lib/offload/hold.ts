/**
 * The ports that rules take packets from are held by sockets of this process, which never see a packet as long as the rules are there.
 * The kernel then says to everybody, millrace or not, that the port is in use, as it would of an ordinary relay; nobody can bind it while its
 * packets go elsewhere; and the end of this process, whatever its cause, gives it back. So whoever has the ports may replace what rules
 * there are about them.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { portCount } from '../endpoint.ts'
import type { IpEndpoint, OffloadPlan } from './plan.ts'
import { familyOf } from './routes.ts'

export type Held = { release(): Promise<void> }

/** Binds every port; rejects with Node's error, such as `listen EADDRINUSE`, and holds nothing then. */
export async function hold(plans: readonly OffloadPlan[]): Promise<Held> {
  const held: Held[] = []
  const release = async (): Promise<void> => {
    await Promise.all(held.map((one) => one.release()))
  }
  try {
    for (const { listen, dualStack, sourceAddresses } of plans) {
      for (const at of listen) {
        for (let offset = 0; offset < portCount(at); offset++) held.push(await bind({ ...at, port: at.port + offset }, !dualStack))
      }
      for (const source of sourceAddresses) await (await bindUdp(source, 0, false)).release() // Is it ours?
    }
  } catch (error) {
    await release()
    throw error
  }
  return { release }
}

function bind({ net, host, port }: IpEndpoint, ipv6Only: boolean): Promise<Held> {
  return net === 'tcp' ? bindTcp(host, port, ipv6Only) : bindUdp(host, port, ipv6Only)
}

/** Who comes here has not met the rules: somebody has taken them away. */
async function bindTcp(host: string, port: number, ipv6Only: boolean): Promise<Held> {
  const server = createServer((socket) => socket.resetAndDestroy()).listen({ host, port, ipv6Only, exclusive: true, backlog: 1 })
  await once(server, 'listening')
  return { release: () => new Promise((done) => server.close(() => done())) }
}

async function bindUdp(address: string, port: number, ipv6Only: boolean): Promise<Held> {
  const socket = createSocket({ type: familyOf(address) === 6 ? 'udp6' : 'udp4', ipv6Only })
  try {
    const bound = once(socket, 'listening')
    socket.bind({ address, port, exclusive: true })
    await bound
  } catch (error) {
    socket.close()
    throw error
  }
  return { release: () => new Promise((done) => socket.close(() => done())) }
}
