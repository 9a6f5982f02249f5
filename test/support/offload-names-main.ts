/**
 * `offload-names-main.ts LISTEN UPSTREAM`: offloads with a resolver that answers what is written to its standard input, a line of addresses at
 * a time (an empty line: it fails), for a second each. Prints its notices and, after a line `ledger`, the ledger.
 */
import { createInterface } from 'node:readline'
import { forward, listen, pipe, serve, tcp } from '../../lib/index.ts'

const [from = '', to = ''] = process.argv.slice(2)
let answer = process.env['FIRST'] ?? ''
const resolver = async () => {
  if (answer === '') throw new Error('out of order')
  return answer.split(' ').map((address) => ({ address, ttl: 1 }))
}
const server = await serve(pipe(listen(tcp(from)), forward(tcp(to))), {
  offload: 'nftables',
  resolver,
  onEvents: (batch) => batch.forEach((event) => console.log(JSON.stringify(event))),
})
console.log('ready')
for await (const line of createInterface(process.stdin)) {
  if (line === 'ledger') console.log(JSON.stringify({ ledger: server.ledger() }))
  else answer = line
}
await server.close({ drainMs: 0 })
