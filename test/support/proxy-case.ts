/**
 * `proxy-case.ts THREAD ALLOW[,ALLOW…] DESTINATION…`: asks a SOCKS5 server and an HTTP proxy, with such an `allow` (none where it is empty), for port 80 of each of the destinations;
 * prints what they answered and why the session ended, as JSON, with how often a listener at port 80 of all addresses was reached.
 */
import { httpConnect, listen as from, pipe, socks5, tcp } from '../../lib/index.ts'
import { connect, listen } from './peers.ts'
import { withRelay } from './relay.ts'
import { ask } from './socks.ts'

const [, , thread, allowed = '', ...destinations] = process.argv
const options = { ...(allowed === '' ? {} : { allow: allowed.split(',') }), ports: [80], connectTimeoutMs: 1_000, retries: 0 }
const source = () => from(tcp('127.0.0.1:0'))
const everywhere = await listen({ host: '::', port: 80, onPeer: (peer) => void peer.end() })
const answers: Record<string, { socks5: string; httpConnect: string }> = {}
let reached = 0

await withRelay([pipe(source(), socks5(options)), pipe(source(), httpConnect(options))], { thread: thread === 'own' ? 'own' : 'embedded' }, async (relay) => {
  let count = 0
  const reason = async (): Promise<string> => (await relay.closes(++count))[count - 1]?.reason ?? ''
  for (const destination of destinations) {
    const before = everywhere.count()
    const client = await connect(relay.addressOf(0))
    const { code } = await ask(client, destination, 80)
    client.destroy()
    const overSocks = `${code} ${await reason()}`
    const other = await connect(relay.addressOf(1))
    await other.send(`CONNECT ${destination.includes(':') ? `[${destination}]` : destination}:80 HTTP/1.1\r\n\r\n`)
    const status = String(await other.read(12)).slice(9)
    other.destroy()
    answers[destination] = { socks5: overSocks, httpConnect: `${status} ${await reason()}` }
    reached += everywhere.count() - before
  }
})
console.log(JSON.stringify(reached === 0 ? answers : { ...answers, reached }))
