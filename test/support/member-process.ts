/** A member of a set in a process of its own, which can be stopped, killed and started anew at its port. It answers every line with `pong PORT`. */
import { child, type Child } from './child.ts'
import { unusedPort } from './unused-ports.ts'

const source = `
  const server = require('node:net').createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => { if (bytes.includes(10)) socket.write('pong ' + server.address().port + '\\n') })
    socket.on('end', () => socket.end())
  })
  server.listen({ port: Number(process.argv[1]), host: '127.0.0.1', backlog: 511 }, () => console.log('member at ' + server.address().port))
`

export type MemberProcess = Child & { readonly port: number; readonly address: string }

export async function memberProcess(port?: number): Promise<MemberProcess> {
  const server = child(process.execPath, ['-e', source, String(port ?? await unusedPort())])
  const ready = await server.line(/^member at (\d+)$/)
  return { ...server, port: Number(ready[1]), address: `127.0.0.1:${ready[1] ?? ''}` }
}
