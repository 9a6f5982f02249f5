/** The relay of the soak, in a process of its own and with its loop on a thread of its own, and the servers behind it. */
import { fileURLToPath } from 'node:url'
import { forward, idleTimeout, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { relayProcess } from '../../test/support/relay-process.ts'
import type { RelayProcess } from '../../test/support/relay-process.ts'
import { loadEcho } from '../../test/support/udp-load.ts'
import { unusedPort } from '../../test/support/unused-ports.ts'
import { serves } from '../peers/measure.ts'
import { numberAt, start } from '../programs.ts'
import type { Program } from '../programs.ts'

/** Short, so that flows end all the time; longer than an answer ever takes. */
export const flowIdleMs = 2_000

export type Lab = {
  readonly relay: RelayProcess
  /** The server that knows the tasks. */
  readonly server: Program
  /** Ports of the relay: to that server, to an echo, and to one that drops what it gets. */
  readonly ports: { readonly tasks: number; readonly echo: number; readonly sink: number; /** The echo without the relay. */ readonly direct: number }
  readonly echoPid: number
  /** What the relay has sent to the sink so far. */
  readonly bulkBytes: () => Promise<number>
  /** Where the relay takes datagrams, which come back. */
  readonly datagrams: string
}

const serverMain = fileURLToPath(new URL('server-main.ts', import.meta.url))

export const startServer = (lifeSeconds: number): Program => start([process.execPath, '--import', 'tsx', serverMain, String(lifeSeconds)])

/** `load`: the program that bench/peers/load has become. Nothing of it lives longer than `lifeSeconds`. */
export async function openLab(load: string, lifeSeconds: number): Promise<Lab> {
  const server = startServer(lifeSeconds)
  const [echoPort, sinkPort] = [await unusedPort(), await unusedPort()]
  const streamEcho = start([load, 'echo', String(echoPort), String(lifeSeconds)])
  await serves(streamEcho, 'tcp', echoPort)
  await serves(start([load, 'sink', String(sinkPort), String(lifeSeconds)]), 'tcp', sinkPort)
  const echo = await loadEcho('127.0.0.1:0', { gro: 1 })
  const stream = (port: number) => pipe(listen(tcp('127.0.0.1:0')), idleTimeout(60_000), forward(tcp(`127.0.0.1:${port}`)))
  const relay = await relayProcess(
    [
      stream(numberAt(await server.line('listening'), 'address', 'port')),
      stream(echoPort),
      stream(sinkPort),
      pipe(listen(udp('127.0.0.1:0')), idleTimeout(flowIdleMs), forward(udp(echo.address))),
    ],
    { thread: 'own', sessionEvents: false },
  )
  const port = (pipeline: number): number => relay.addresses[pipeline]?.port ?? 0
  return {
    relay, server, ports: { tasks: port(0), echo: port(1), sink: port(2), direct: echoPort },
    echoPid: streamEcho.process.pid ?? 0,
    bulkBytes: async () => (await relay.ledger()).pipelines[2]?.toUpstream.sent ?? 0,
    datagrams: relay.addressOf(3),
  }
}
