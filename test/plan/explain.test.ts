/** What explain says: who touches a session and its bytes. */
import assert from 'node:assert/strict'
import { allow, choose, close, datagrams, decide, echo, explain, explainNodes, filterDatagrams, forward, generate, idleTimeout, inspect, limit, listen, more, otherwise, pipe, prefix, route, sni, stream, stun, stunBinding, tcp, throttle, transform, udp, unix, when, type Sink } from '../../lib/index.ts'
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

  it('says that datagrams are forwarded natively, and what is different for them', () => {
    const pipeline = pipe(
      listen([udp('0.0.0.0:7890-7900'), udp('[::1]:53-63')]),
      allow('10.0.0.0/8'),
      limit({ maxSessionsPerAddress: 4 }),
      throttle({ bytesPerSecond: 1_000, direction: 'toUpstream' }),
      route(when(prefix('x'), close()), otherwise(forward(udp('10.0.3.14:53-63'), { responses: 1 }))),
    )
    assert.equal(
      explain(pipeline),
      `
listen udp 0.0.0.0:7890-7900, udp [::1]:53-63           native  receives datagrams, a flow for each peer
  allow 10.0.0.0/8                                      native  decides by the address alone
  limit maxSessionsPerAddress 4                         native  decides before a flow begins
  throttle 1000 bytes/s, burst 65507 bytes, toUpstream  native  a setting of the flow
  route 1 matcher                                       native  matches every datagram natively
    when prefix("x")
      close                                             native  drops the datagrams
    otherwise
      forward udp 10.0.3.14:53-63, 1 response           native  moves the datagrams, from a socket for each flow
runs on a thread of its own: no node is in JS`.trimStart(),
    )
  })

  it('says that STUN is answered natively, over UDP without a flow', () => {
    const told = stun({ software: 'x', fingerprint: true, rfc3489: true, ratePerAddress: 20 })
    assert.equal(
      explain(pipe(listen(udp('0.0.0.0:3478')), route(when(stunBinding(), told), otherwise(close())))),
      `
listen udp 0.0.0.0:3478                                                 native  receives datagrams
  route 1 matcher                                                       native  matches every datagram natively
    when stunBinding()
      stun software "x", fingerprint, rfc3489, at most 20/s an address  native  answers each request from the slot it came in, without a flow
    otherwise
      close                                                             native  drops the datagrams
runs on a thread of its own: no node is in JS`.trimStart(),
    )
    assert.match(explain(pipe(listen(tcp('0.0.0.0:3478')), stun())), /stun +native {2}answers each request\n/)
  })

  it('says that there is a flow for each peer as soon as one of the branches has them', () => {
    const first = (other: Sink<'datagram'>): string | undefined =>
      explainNodes(pipe(listen(udp('127.0.0.1:0')), route(when(stunBinding(), stun()), otherwise(route(when(prefix('x'), other), otherwise(close()))))))[0]?.why
    assert.equal(first(close()), 'receives datagrams')
    assert.equal(first(echo()), 'receives datagrams, a flow for each peer')
  })

  it('says which nodes see datagrams in JS', () => {
    assert.equal(
      explain(pipe(listen(udp('127.0.0.1:0')), filterDatagrams(() => {}), throttle({ datagramsPerSecond: 50 }), datagrams(() => {}))),
      `
listen udp 127.0.0.1:0                        native  receives datagrams, a flow for each peer
  filterDatagrams toUpstream                  js      on the byte path: sees every datagram, a batch a call
  throttle 50 datagrams/s, burst 5 datagrams  native  a setting of the flow
  datagrams                                   js      on the byte path: sees every datagram, a batch a call
runs in the calling thread: filterDatagrams[0], datagrams[2] are in JS`.trimStart(),
    )
  })

  it('says what a generator makes', () => {
    assert.equal(
      explain(pipe(generate({ flows: 8, ratePerSecond: 1_000, window: 3, durationMs: 10_000, gso: true }), forward(udp('10.0.0.1:7890')))),
      `
generate 8 flows, 64 bytes, 1000 datagrams/s, window 3, for 10 s, gso  native  makes datagrams and measures what comes back
  forward udp 10.0.0.1:7890                                            native  moves the datagrams, from a socket for each flow
runs on a thread of its own: no node is in JS`.trimStart(),
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
