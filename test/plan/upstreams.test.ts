/** Sets of upstreams as data: what they are, and what is refused. */
import assert from 'node:assert/strict'
import { compile } from '../../lib/compile.ts'
import { dgramCheck, explain, forward, generate, listen, otherwise, pipe, remoteAddress, route, sendExpect, serve, srv, tcp, tcpCheck, udp, unix, upstreams, when } from '../../lib/index.ts'
import { placesOf } from '../../lib/upstreams/places.ts'
import { offloadPlan } from '../../lib/offload/plan.ts'
import { refused, rejected } from './refused.ts'
import { call } from './untyped.ts'

const [a, b] = [tcp('10.0.0.1:80'), tcp('10.0.0.2:80')]
const badOption = (options: object, message: string): void => refused(() => call(upstreams, [a, b], options), 'ERR_MILLRACE_BAD_OPTION', message)

describe('a set of upstreams', () => {
  it('is frozen data with its defaults', () => {
    const set = upstreams([a, { to: b, weight: 3, backup: true, maxSessions: 9 }], { maxSessions: 5 })
    assert.deepEqual(set, {
      role: 'upstreams',
      kind: 'stream',
      at: {
        net: 'set',
        kind: 'stream',
        members: [
          { to: { net: 'tcp', host: '10.0.0.1', port: 80 }, weight: 1, backup: false, maxSessions: 5 },
          { to: { net: 'tcp', host: '10.0.0.2', port: 80 }, weight: 3, backup: true, maxSessions: 9 },
        ],
        maxSessions: 5,
        balance: 'roundRobin',
        queue: null,
        ejection: { afterFailures: 3, forMs: 10_000, mostMs: 300_000 },
        slowStartMs: 0,
        closeOnUnhealthy: false,
        health: null,
        retries: null,
      },
    })
    for (const part of [set, set.at, set.at.members, set.at.members[0], set.at.members[0]?.to, set.at.ejection]) assert.ok(Object.isFrozen(part))
    assert.equal(upstreams([a], { ejection: false }).at.ejection, null)
    assert.equal(upstreams([srv('_DNS._udp.Example.')]).kind, 'datagram')
  })

  it('is one upstream of a plan wherever the same object is, and each object another', () => {
    const set = upstreams([a, b])
    const chain = route(when(remoteAddress('10.0.0.0/8'), forward(set, { retries: 5 })), when(remoteAddress('::/0'), forward(upstreams([a, b], { retries: 7 }))), otherwise(forward(set)))
    const { plan, sets } = compile(pipe(listen(tcp('127.0.0.1:0')), chain))
    assert.equal(plan.upstreams.length, 2)
    assert.equal(plan.upstreams[0], set.at)
    assert.deepEqual([...sets.keys()], [0, 1])
    assert.deepEqual(plan.nodes.flatMap((node) => (node.op === 'forward' ? [[node.upstream, node.retries]] : [])), [[0, 5], [1, 7], [0, 2]])
  })

  it('is shown by explain', () => {
    const set = upstreams([a, { to: unix('/run/x'), weight: 2 }, { to: srv('_app._tcp.example'), backup: true }], { balance: 'random2', health: tcpCheck(), slowStartMs: 60_000, queue: { maxSessions: 5 } })
    const shown = 'forward tcp 10.0.0.1:80, unix /run/x weight 2, srv _app._tcp.example backup by random2, tcpCheck every 2 s, slow start 1 min, queue of 5 for 5 s, connect within 5 s, 2 retries'
    assert.ok(explain(pipe(listen(tcp('127.0.0.1:0')), forward(set))).includes(shown))
  })

  it('becomes places: names and services one for each address, priorities and backups in tiers', () => {
    const set = upstreams([tcp('app.example:80'), { to: srv('_app._tcp.example'), maxSessions: 4 }, { to: b, backup: true }, tcp('10.0.0.9:80')]).at
    const names = new Map([['app.example', ['10.0.0.8', '::1']]])
    const services = new Map([['_app._tcp.example', [{ host: '10.0.0.8', port: 80, priority: 0, weight: 1 }, { host: '10.0.0.7', port: 81, priority: 9, weight: 0 }]]])
    assert.deepEqual([...placesOf(set.members, { names, services }).values()].map(({ key, weight, tier, maxSessions }) => [key, weight, tier, maxSessions]), [
      ['10.0.0.8:80', 1, 0, 0],
      ['[::1]:80', 1, 0, 0],
      ['10.0.0.7:81', 1, 9, 4],
      ['10.0.0.2:80', 1, 65_536, 0],
      ['10.0.0.9:80', 1, 0, 0],
    ])
    assert.equal(placesOf(set.members, { names: new Map(), services: new Map() }).size, 2)
  })

  it('has members of one kind, each once, each with a port', () => {
    const bad = (members: unknown, message: string, code = 'ERR_MILLRACE_BAD_PIPELINE'): void => refused(() => call(upstreams, members), code, message)
    bad([], 'upstreams: expected 1 to 1000 members, not 0')
    bad(a, 'upstreams: expected an array of members, not an endpoint')
    bad(['10.0.0.1:80'], 'upstreams: expected an endpoint such as tcp("10.0.0.1:80"), srv(…) or { to: … } as a member, not "10.0.0.1:80"')
    bad([{ to: 'x' }], 'upstreams: to: expected an endpoint such as tcp("10.0.0.1:80") or srv(…), not "x"')
    bad([a, b, tcp('10.0.0.1:80')], 'upstreams: tcp 10.0.0.1:80 is there twice: give it a weight instead')
    bad([a, udp('10.0.0.1:53')], 'upstreams: expected members of one kind, not tcp 10.0.0.1:80 and udp 10.0.0.1:53: streams do not become datagrams')
    bad([tcp('10.0.0.1:0')], 'upstreams: "tcp 10.0.0.1:0" has no port to connect to: expected 1 to 65535', 'ERR_MILLRACE_BAD_ADDRESS')
    bad([tcp('10.0.0.1:80-90')], 'upstreams: "tcp 10.0.0.1:80-90" has 11 ports, but a member has one', 'ERR_MILLRACE_BAD_ADDRESS')
    bad([{ to: a, wieght: 2 }], 'upstreams: unknown option "wieght": did you mean "weight"?', 'ERR_MILLRACE_UNKNOWN_OPTION')
    bad([{ to: a, weight: 0 }], 'upstreams: weight must be an integer from 1 to 65535, not 0', 'ERR_MILLRACE_BAD_OPTION')
    bad([{ to: srv('_app._tcp.example'), weight: 2 }], 'upstreams: weight is not for srv _app._tcp.example: its records have weights', 'ERR_MILLRACE_BAD_OPTION')
    bad([{ to: a, backup: 1 }], 'upstreams: backup must be true or false, not 1', 'ERR_MILLRACE_BAD_OPTION')
    bad([{ to: a, maxSessions: 0 }], 'upstreams: maxSessions must be an integer from 1 to 1000000 sessions, not 0', 'ERR_MILLRACE_BAD_OPTION')
    for (const name of ['_app.example', 'app._tcp.example', '_app._tcp', '_app._sctp.example', '', '_app._tcp.a b']) {
      refused(() => call(srv, name), 'ERR_MILLRACE_BAD_ADDRESS', `srv: ${JSON.stringify(name)} is not the name of a service: expected a name such as "_http._tcp.example"`)
    }
  })

  it('refuses options that are none, or out of their range', () => {
    refused(() => call(upstreams, [a], { balanse: 'maglev' }), 'ERR_MILLRACE_UNKNOWN_OPTION', 'upstreams: unknown option "balanse": did you mean "balance"?')
    badOption({ balance: 'best' }, 'upstreams: balance must be "roundRobin" or "leastSessions" or "random2" or "sourceHash" or "maglev", not "best"')
    badOption({ maxSessions: 1.5 }, 'upstreams: maxSessions must be an integer from 1 to 1000000 sessions, not 1.5')
    badOption({ retries: 17 }, 'upstreams: retries must be an integer from 0 to 16 attempts, not 17')
    badOption({ slowStartMs: -1 }, 'upstreams: slowStartMs must be an integer from 0 to 2147483647 ms (0: at once), not -1')
    badOption({ closeOnUnhealthy: true }, 'upstreams: closeOnUnhealthy needs health: without a check no member is found down')
    badOption({ health: true }, 'upstreams: health must be a check such as tcpCheck(), not true')
    badOption({ health: dgramCheck({ send: 'x' }) }, 'upstreams: health: dgramCheck is for datagrams, and this is a set of streams')
    badOption({ queue: {} }, 'upstreams queue: maxSessions must be an integer from 1 to 1000000 sessions, not undefined')
    badOption({ ejection: { forMs: 500, mostMs: 400 } }, 'upstreams ejection: mostMs must be an integer from 500 to 2147483647 ms, not 400')
    badOption({ ejection: { afterFailures: 0 } }, 'upstreams ejection: afterFailures must be an integer from 1 to 1000 failures, not 0')
    for (const [name, value] of [['retries', 1], ['queue', { maxSessions: 1 }]] as const) {
      refused(() => call(upstreams, [udp('10.0.0.1:53')], { [name]: value }), 'ERR_MILLRACE_BAD_OPTION', `upstreams: ${name} is for streams: a flow of datagrams has no connection to wait for`)
    }
  })

  it('has checks that refuse what is out of their range', () => {
    refused(() => call(tcpCheck, { intervalMs: 1 }), 'ERR_MILLRACE_BAD_OPTION', 'tcpCheck: intervalMs must be an integer from 10 to 2147483647 ms, not 1')
    refused(() => call(tcpCheck, { rise: 0 }), 'ERR_MILLRACE_BAD_OPTION', 'tcpCheck: rise must be an integer from 1 to 1000 checks, not 0')
    refused(() => call(tcpCheck, { send: 'x' }), 'ERR_MILLRACE_UNKNOWN_OPTION', 'tcpCheck: unknown option "send": known are intervalMs, timeoutMs, rise, fall')
    refused(() => call(sendExpect, { expect: '' }), 'ERR_MILLRACE_BAD_OPTION', 'sendExpect: expect must be 1 to 4096 bytes, not 0')
    refused(() => call(sendExpect, {}), 'ERR_MILLRACE_BAD_OPTION', 'sendExpect: expect must be a Uint8Array or a string, not undefined')
    refused(() => call(dgramCheck, { send: 'x'.repeat(1_201) }), 'ERR_MILLRACE_BAD_OPTION', 'dgramCheck: send must be 0 to 1200 bytes, not 1201')
    assert.deepEqual(sendExpect({ send: 'PING', expect: '+PONG', timeoutMs: 9 }).plan, { name: 'sendExpect', intervalMs: 2_000, timeoutMs: 9, rise: 2, fall: 3, send: new Uint8Array(Buffer.from('PING')), expect: new Uint8Array(Buffer.from('+PONG')) })
  })

  it('has no place where there can be none', async () => {
    refused(() => pipe(generate(), forward(upstreams([udp('10.0.0.1:53')]))), 'ERR_MILLRACE_BAD_PIPELINE', 'generate: the chain must be one forward, such as forward(udp("10.0.0.1:7890")), not one to a set of upstreams')
    refused(() => call(pipe, listen(tcp('127.0.0.1:0')), forward(upstreams([udp('10.0.0.1:53')]))), 'ERR_MILLRACE_BAD_PIPELINE', 'pipe: the part forward is for datagrams, but listen tcp 127.0.0.1:0 is a source of streams')
    refused(() => offloadPlan(pipe(listen(tcp('127.0.0.1:80')), forward(upstreams([a])))), 'ERR_MILLRACE_BAD_PIPELINE', 'forward[0]: cannot be offloaded to nftables: it goes to a set of upstreams, and a rule neither checks members nor chooses among them; forward to one endpoint')
    await rejected(serve(pipe(listen(tcp('127.0.0.1:8099')), forward(upstreams([a, tcp('127.0.0.1:8099')])))), 'ERR_MILLRACE_BAD_PIPELINE', 'forward: tcp 127.0.0.1:8099 is where it comes from: the pipeline listens to tcp 127.0.0.1:8099')
  })
})
