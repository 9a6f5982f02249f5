/**
 * `congestion-case.ts THREAD`: in a namespace, a session through a relay at the loopback and one at another address of this machine, and the congestion control of the
 * relay's two sockets of each, as ss(8) tells it. Prints that as JSON.
 */
import { execFileSync } from 'node:child_process'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from './peers.ts'
import { withRelay, type Thread } from './relay.ts'

const thread: Thread = process.argv[2] === 'own' ? 'own' : 'embedded'

/** Of the sockets with these ends. */
function congestionOf(filter: string): readonly string[] {
  const lines = execFileSync('ss', ['-Htin', 'state', 'established', filter], { encoding: 'utf8' }).trim().split('\n')
  return lines.flatMap((line) => /^\s+(\w+) /.exec(line)?.[1] ?? [])
}

const found: Record<string, unknown> = {}
for (const host of ['127.0.0.1', '192.0.2.1'] as const) {
  const listener = await listen({ host })
  await withRelay(pipe(from(tcp(`${host}:0`)), forward(tcp(listener.address))), { thread }, async (relay) => {
    const client = await connect(relay.address)
    const upstream = await listener.accept()
    found[host] = {
      downstream: congestionOf(`sport = :${relay.address.split(':')[1]}`),
      upstream: congestionOf(`dport = :${listener.address.split(':')[1]}`),
    }
    await client.end()
    await upstream.end()
    await relay.closes(1)
  })
}
console.log(JSON.stringify(found))
process.exit(0)
