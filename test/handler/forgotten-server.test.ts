/** A server belongs to its process, not to the variable that holds it; and it can be asked and closed to the very end. */
import assert from 'node:assert/strict'
import { child, root } from '../support/child.ts'

const pipelines: Readonly<Record<string, string>> = {
  'own thread': `pipe(source, echo()), { thread: 'own' }`,
  'embedded': `pipe(source, echo()), { thread: 'embedded' }`,
  'with handlers': 'pipe(source, inspect(() => pass()), stream({ data: (session, chunk) => void session.write(chunk) })), {}',
}

const script = (pipeline: string, body: string): string => `
  import { connect } from 'node:net'
  import { once } from 'node:events'
  import { echo, inspect, listen, pass, pipe, serve, stream, tcp } from 'file://${root}dist/index.js'
  const source = listen(tcp('127.0.0.1:0'))
  const begin = () => serve(${pipeline})
  const client = async (port) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('hello'))
    await once(socket, 'data')
    return socket.on('error', () => undefined)
  }
  const collect = async () => {
    for (let i = 0; i < 20; i++) { gc(); await new Promise((resume) => setImmediate(resume)) }
  }
  ${body}
`

async function runs(pipeline: string, body: string, stdout: string): Promise<void> {
  await using program = child(process.execPath, ['--expose-gc', '--input-type=module', '-e', script(pipeline, body)])
  assert.deepEqual(await program.exited, { code: 7, signal: null }, program.stderr())
  assert.deepEqual([program.stdout(), program.stderr()], [stdout, ''])
}

for (const [name, pipeline] of Object.entries(pipelines)) {
  describe(`a server, ${name}`, () => {
    it('that nobody holds on to keeps serving, and keeps its process, through garbage collections', () => runs(pipeline, `
      const { port } = (await begin()).addresses[0]
      await collect()
      const socket = await client(port)
      await collect()
      socket.write('again')
      await once(socket, 'data')
      console.log('served')
      process.exit(7)
    `, 'served\n'))

    it('can be asked and closed in an exit handler', () => runs(pipeline, `
      const server = await begin()
      for (let i = 0; i < 5; i++) await client(server.addresses[0].port)
      process.on('exit', () => {
        console.log(server.ledger().sessions.open, server.ledger().balanced)
        void server.sessions()
        server.endSession(0)
        void server.close({ drainMs: 0 })
      })
      setImmediate(() => process.exit(7))
    `, '5 true\n'))

    it('that is closed can be asked and closed again', () => runs(pipeline, `
      await (async () => {
        const server = await begin()
        await client(server.addresses[0].port)
        await Promise.all([server.close({ drainMs: 0 }), server.close()])
        await server.close()
        server.endSession(1)
        console.log((await server.sessions()).length, server.ledger().sessions.open, server.ledger().balanced)
      })()
      await collect()
      process.exit(7)
    `, '0 0 true\n'))

    it('that is closed is collected, with all of its memory', () => runs(pipeline, `
      const some = async () => {
        for (let i = 0; i < 20; i++) {
          const server = await begin()
          await server.close({ drainMs: 0 })
          await server.closed
        }
        await collect()
        return process.memoryUsage().arrayBuffers
      }
      const before = await some()
      const after = await some()
      console.log(after - before < 500_000 || after - before)
      process.exit(7)
    `, 'true\n'))
  })
}
