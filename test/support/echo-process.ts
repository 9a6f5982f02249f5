/** An upstream in a process of its own that gives back what it gets. */
import { child, type Child } from './child.ts'

const source = `
  const server = require('node:net').createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1', () => console.log('echo on ' + server.address().port))
`

export type EchoProcess = Child & { readonly port: number }

export async function echoProcess(): Promise<EchoProcess> {
  const server = child(process.execPath, ['-e', source])
  const ready = await server.line(/^echo on (\d+)$/)
  return { ...server, port: Number(ready[1]) }
}
