/** What `proxyProtocol`, on both sides, refuses, and where it may stand. */
import assert from 'node:assert/strict'
import { close, decide, echo, filterDatagrams, forward, generate, inspect, limit, listen, not, otherwise, pass, pipe, prefix, proxyHeader, proxyProtocol, quic, reject, remoteAddress, route, stun, tcp, tls, udp, unix, when } from '../../lib/index.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

const [badOption, badPipeline] = ['ERR_MILLRACE_BAD_OPTION', 'ERR_MILLRACE_BAD_PIPELINE'] as const
const source = listen(tcp('127.0.0.1:0'))
const stage = proxyProtocol({ from: ['10.0.0.0/8', '::1'] })

describe('the options of proxyProtocol', () => {
  const cases: readonly (readonly [act: () => unknown, code: Parameters<typeof refused>[1], message: string])[] = [
    [() => call(proxyProtocol, {}), badOption, 'proxyProtocol: from must be a list of CIDRs such as ["10.0.0.0/8"], not undefined'],
    [() => call(proxyProtocol, { from: '10.0.0.0/8' }), badOption, 'proxyProtocol: from must be a list of CIDRs such as ["10.0.0.0/8"], not "10.0.0.0/8"'],
    [() => proxyProtocol({ from: [] }), badOption, 'proxyProtocol: expected at least one CIDR such as "10.0.0.0/8"'],
    [() => call(proxyProtocol, { from: ['10.0.0.0/8'], mode: 'trust' }), badOption, 'proxyProtocol: mode must be "require" or "use" or "ignore" or "reject", not "trust"'],
    [() => proxyProtocol({ from: ['10.0.0.0/8'], timeoutMs: 0 }), badOption, 'proxyProtocol: timeoutMs must be an integer from 1 to 2147483647 ms, not 0'],
    [() => call(proxyProtocol, { from: ['10.0.0.0/8'], modus: 1 }), 'ERR_MILLRACE_UNKNOWN_OPTION', 'proxyProtocol: unknown option "modus": did you mean "mode"?'],
    [() => call(forward, unix('/a'), { proxyProtocol: 3 }), badOption, 'forward: proxyProtocol must be 1 or 2, not 3'],
    [() => call(forward, udp('127.0.0.1:1'), { proxyProtocol: 1 }), badOption, 'forward: proxyProtocol must be 2 for datagrams, which version 1 does not know, not 1'],
    [() => call(proxyProtocol, { from: ['10.0.0.0/8'], dialect: 'all' }), badOption, 'proxyProtocol: dialect must be "every" or "first", not "all"'],
    [() => call(proxyProtocol, { from: ['10.0.0.0/8'], dialect: 'first', mode: 'use' }), badOption, 'proxyProtocol: mode must be "require" with dialect "first", not "use": what has no header where no flow has begun could be of anybody'],
    [() => call(proxyProtocol, { from: ['10.0.0.0/8'], dialect: 'first', timeoutMs: 9 }), badOption, 'proxyProtocol: timeoutMs is not for dialect "first": a datagram is whole'],
    [() => call(forward, udp('127.0.0.1:1'), { proxyProtocol: 2, proxyDialect: 'last' }), badOption, 'forward: proxyDialect must be "every" or "first", not "last"'],
    [() => forward(udp('127.0.0.1:1'), { proxyDialect: 'first' }), badOption, 'forward: proxyDialect is about the header that proxyProtocol: 2 makes, which is not there'],
    [() => call(forward, tcp('127.0.0.1:1'), { proxyProtocol: 2, proxyDialect: 'first' }), badOption, 'forward: proxyDialect is not for tcp 127.0.0.1:1: a stream has one header, before everything'],
    [() => pipe(generate({ flows: 1 }), forward(udp('127.0.0.1:1'), { proxyProtocol: 2 })), badPipeline, 'generate: the chain must be one forward, such as forward(udp("10.0.0.1:7890")), without proxyProtocol: nobody has sent what it makes'],
  ]
  for (const [act, code, message] of cases) it(`refuse: ${message}`, () => refused(act, code, message))

  it('are shown', () => {
    assert.equal(stage.shows, 'require from 10.0.0.0/8, ::1/128 within 3 s')
    assert.equal(proxyProtocol({ from: ['::1'], dialect: 'first' }).shows, 'require from ::1/128 with the first datagram')
    assert.match(forward(tcp('127.0.0.1:1'), { proxyProtocol: 2 }).shows, /, PROXY version 2$/)
    assert.match(forward(udp('127.0.0.1:1'), { proxyProtocol: 2, proxyDialect: 'first' }).shows, /, PROXY version 2 before the first datagram$/)
  })
})

describe('proxyProtocol in a pipeline', () => {
  const before = (name: string) => `pipe: proxyProtocol must stand before ${name}, which has to know whom the session is from`

  it('stands before limit and before who looks at the session, also across a route', () => {
    refused(() => pipe(source, limit({ maxSessions: 1 }), stage, echo()), badPipeline, before('limit'))
    refused(() => pipe(source, inspect(() => reject('')), stage, echo()), badPipeline, before('inspect'))
    refused(() => pipe(source, decide(async () => await Promise.resolve(pass())), route(when(tls(), stage, echo()), otherwise(close()))), badPipeline, before('decide'))
  })

  it('stands in a branch, and twice', () => {
    pipe(source, route(when(tls(), stage, stage, limit({ maxSessions: 1 }), echo()), otherwise(limit({ maxSessions: 1 }), close())))
  })

  it('is not behind a Unix socket, whose peers have no address', () =>
    refused(() => pipe(listen(unix('/run/x.sock')), stage, echo()), badPipeline, 'pipe: proxyProtocol cannot stand behind listen unix /run/x.sock: who connects there has no address that could be in from'))

  it('is for datagrams too, but before limit; with dialect "first" for nothing else, and not before stun', () => {
    const [datagrams, first] = [listen(udp('127.0.0.1:0')), proxyProtocol({ from: ['::1'], dialect: 'first' })]
    pipe(datagrams, stage, limit({ maxSessions: 1 }), echo())
    pipe(datagrams, route(when(remoteAddress('::1'), first, echo()), otherwise(stage, stun())))
    refused(() => pipe(datagrams, limit({ maxSessions: 1 }), stage, echo()), badPipeline, before('limit'))
    pipe(datagrams, first, first, echo())
    pipe(datagrams, route(when(not(remoteAddress('::1')), first, echo()), otherwise(first, echo())))
    const behind = (name: string) => `pipe: proxyProtocol with dialect "first" cannot stand behind route with ${name}, which decides about each datagram, and only the first has a header: put it before route`
    refused(() => pipe(datagrams, route(when(quic(), echo()), otherwise(first, echo()))), badPipeline, behind('quic'))
    refused(() => pipe(datagrams, first, route(when(prefix('!'), forward(udp('127.0.0.1:1'), { proxyProtocol: 2, proxyDialect: 'first' })), otherwise(echo()))), badPipeline, 'pipe: forward with proxyDialect "first" cannot stand behind proxyProtocol with dialect "first": after an ICMP error the upstream has to be told anew whom a flow is from, and nobody says that a second time; use "every" on one side')
    refused(() => pipe(datagrams, route(when(proxyHeader(), first, echo()), otherwise(echo()))), badPipeline, behind('proxyHeader'))
    refused(() => pipe(datagrams, route(when(not(prefix('!')), echo()), otherwise(route(when(remoteAddress('::1'), first, echo()), otherwise(echo()))))), badPipeline, behind('not'))
    refused(() => pipe(datagrams, filterDatagrams({ toUpstream() {} }), stage, echo()), badPipeline, before('filterDatagrams'))
    refused(() => pipe(datagrams, first, stage, echo()), badPipeline, 'pipe: proxyProtocol with dialect "first" and with "every" cannot stand one behind the other: which of a flow\'s datagrams have headers has to be the same for both')
    refused(() => call(pipe, source, first, echo()), badPipeline, 'pipe: the part proxyProtocol is for datagrams, but listen tcp 127.0.0.1:0 is a source of streams')
    refused(() => pipe(datagrams, first, route(when(remoteAddress('::1'), stun()), otherwise(echo()))), badPipeline, 'pipe: proxyProtocol with dialect "first" cannot stand before stun, which has no flow that would remember whom it is from: use "every"')
  })
})
