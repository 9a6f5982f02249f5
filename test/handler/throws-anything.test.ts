/** Pitfall 24: JavaScript can throw anything, also what throws again when it is looked at. That must not reach the process either. */
import assert from 'node:assert/strict'
import { child, root } from '../support/child.ts'

/** Expressions for what is thrown. */
const things: Readonly<Record<string, string>> = {
  'null': 'null',
  'a symbol': 'Symbol("s")',
  'a revoked proxy': '(({ proxy, revoke }) => (revoke(), proxy))(Proxy.revocable({}, {}))',
  'a proxy that traps everything': 'new Proxy({}, new Proxy({}, { get: () => boom }))',
  'an error whose message throws': 'Object.defineProperty(new Error(), "message", { get: boom })',
  'an error whose message is no text': 'Object.assign(new Error(), { message: 42n })',
  'an error whose stack throws': 'Object.defineProperty(new Error(), "stack", { get: boom })',
  'an object that throws when inspected': '({ [Symbol.for("nodejs.util.inspect.custom")]: boom, toString: boom })',
}
/** Where it is thrown. */
const handlers: Readonly<Record<string, string>> = {
  'inspect': 'inspect(() => { maybe(); return pass() }), echo()',
  'a rejected decide': 'decide({ minBytes: 1 }, async () => { maybe(); return pass() }), echo()',
  'transform': 'transform({ toUpstream: (chunk) => { maybe(); return chunk } }), echo()',
  'stream': 'stream({ data: (session, chunk) => { maybe(); session.write(chunk) } })',
}

/** Five sessions, of which the second's handler throws; prints how many got their echo and how many were ended. */
const script = (thing: string, handler: string, onError: string): string => `
  import { connect } from 'node:net'
  import { decide, echo, inspect, listen, pass, pipe, serve, stream, tcp, transform } from 'file://${root}dist/index.js'
  const boom = () => { throw new Error('boom') }
  let calls = 0
  const maybe = () => { if (calls++ === 1) throw ${thing} }
  const server = await serve(pipe(listen(tcp('127.0.0.1:0')), ${handler}), { ${onError} })
  const ends = Array.from({ length: 5 }, () => new Promise((resolve) => {
    const socket = connect(server.addresses[0].port, '127.0.0.1', () => socket.write('x'))
    socket.on('error', () => undefined).on('data', () => socket.end(resolve('echoed'))).on('close', () => resolve('ended'))
  }))
  console.log((await Promise.all(ends)).sort().join(' '), server.ledger().reasons.handlerError)
  await server.close({ drainMs: 10_000 })
`

describe('whatever a handler throws ends only its session', () => {
  for (const [name, thing] of Object.entries(things)) {
    for (const [where, handler] of Object.entries(handlers)) {
      for (const [how, onError] of [['', ''], [', and onError throws it again', `onError: () => { throw ${thing} }`]] as const) {
        it(`${name} from ${where}${how}`, async () => {
          await using serving = child(process.execPath, ['--input-type=module', '-e', script(thing, handler, onError)])
          assert.deepEqual(await serving.exited, { code: 0, signal: null }, serving.stderr())
          assert.equal(serving.stdout(), 'echoed echoed echoed echoed ended 1\n')
          assert.match(serving.stderr(), /^millrace: session \d+ of 127\.0\.0\.1:\d+: /)
        })
      }
    }
  }
})
