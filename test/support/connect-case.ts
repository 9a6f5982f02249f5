/** `connect-case.ts THREAD UPSTREAM [CONNECT-TIMEOUT-MS]`: one session to the upstream; prints its close reason as JSON. */
import { forward, listen, pipe, tcp } from '../../lib/index.ts'
import { connect } from './peers.ts'
import { withRelay } from './relay.ts'

const [, , thread, upstream = '', timeout = '2000'] = process.argv
const pipeline = pipe(listen(tcp('127.0.0.1:50000')), forward(tcp(upstream), { connectTimeoutMs: Number(timeout), retries: 0 }))
await withRelay(pipeline, { thread: thread === 'own' ? 'own' : 'embedded' }, async (relay) => {
  const downstream = await connect(relay.address, { localPort: 50001 })
  await downstream.readAll()
  console.log(JSON.stringify({ reason: (await relay.close()).reason }))
})
