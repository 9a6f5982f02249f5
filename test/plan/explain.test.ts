/** What explain says: who touches a session and its bytes. */
import assert from 'node:assert/strict'
import { allow, choose, close, decide, echo, explain, explainNodes, forward, idleTimeout, inspect, listen, more, otherwise, pipe, route, sni, stream, tcp, throttle, transform, unix, when } from '../../lib/index.ts'
import { compile } from '../../lib/compile.ts'

const portForward = pipe(listen(tcp('0.0.0.0:8080')), allow('10.0.0.0/8', '192.168.1.0/24'), idleTimeout(60_000), forward(tcp('10.0.3.14:1592')))

const everything = pipe(
  listen([tcp('127.0.0.1:443'), unix('/run/x.sock')]),
  inspect({ maxBytes: 512, timeoutMs: 2_000 }, () => more()),
  transform({ toUpstream: (chunk) => chunk }),
  route(
    when(sni('a.example', '*.b.example'), decide(async () => await Promise.reject(new Error('never called'))), forward(tcp('name.example:443'), { connectTimeoutMs: 250, retries: 0 })),
    otherwise(choose({ slow: [throttle({ bytesPerSecond: 1_000 }), echo()], own: stream({ data() {} }), none: close() }, () => 'slow')),
  ),
)

describe('explain', () => {
  it('says that a port-forward is native and has its own thread', () => {
    assert.equal(
      explain(portForward),
      `
listen tcp 0.0.0.0:8080                                      native  accepts sessions
  allow 10.0.0.0/8, 192.168.1.0/24                           native  decides before a byte is read
  idleTimeout 1 min                                          native  a setting of the pump
  forward tcp 10.0.3.14:1592, connect within 5 s, 2 retries  native  connects and moves the bytes
runs on a thread of its own: no node is in JS`.trimStart(),
    )
  })

  it('says of every node in JS what it sees', () => {
    assert.equal(
      explain(everything),
      `
listen tcp 127.0.0.1:443, unix /run/x.sock                            native  accepts sessions
  inspect head of 1 to 512 bytes within 2 s                           js      decides on the head; no byte enters JS after the verdict
  transform toUpstream                                                js      on the byte path: sees every chunk of its directions
  route 1 matcher                                                     native  matches natively
    when sni(a.example, *.b.example)
      decide head of 0 to 16384 bytes within 5 s                      js      decides later, on a copy of the head; no byte enters JS after the verdict
      forward tcp name.example:443, connect within 250 ms, 0 retries  native  connects and moves the bytes
    otherwise
      choose head of 0 to 16384 bytes within 5 s                      js      decides later, on a copy of the head; no byte enters JS after the verdict
        slow:
          throttle 1000 bytes/s, burst 100 bytes                      native  a setting of the pump
          echo                                                        native  moves the bytes
        own:
          stream                                                      js      on the byte path: is the other end
        none:
          close                                                       native  ends the session
runs in the calling thread: inspect[0], transform[1], route[2].when[0].decide[0], route[2].otherwise.choose[0], route[2].otherwise.choose[0].own.stream[0] are in JS`.trimStart(),
    )
  })

  it('gives the same as data, with paths', () => {
    assert.deepEqual(explainNodes(portForward), [
      { path: 'listen', node: 'listen tcp 0.0.0.0:8080', runs: 'native', why: 'accepts sessions' },
      { path: 'allow[0]', node: 'allow 10.0.0.0/8, 192.168.1.0/24', runs: 'native', why: 'decides before a byte is read' },
      { path: 'idleTimeout[1]', node: 'idleTimeout 1 min', runs: 'native', why: 'a setting of the pump' },
      { path: 'forward[2]', node: 'forward tcp 10.0.3.14:1592, connect within 5 s, 2 retries', runs: 'native', why: 'connects and moves the bytes' },
    ])
  })

  it('agrees with the plan on what is in JS and what it is called', () => {
    const explained = explainNodes(everything)
    const { nodes, jsPaths } = compile(everything)
    assert.deepEqual(explained.filter(({ runs }) => runs === 'js').map(({ path }) => path), jsPaths)
    for (const { path } of nodes) assert(explained.some((node) => node.path === path), path)
  })
})
