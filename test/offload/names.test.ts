/** Names of upstreams: resolved at the start, and again; the rules follow in place. */
import assert from 'node:assert/strict'
import { forward, listen, pipe, serve, udp, type ServeOptions } from '../../lib/index.ts'
import { rejected } from '../plan/refused.ts'
import { child, plainEnv, root, type Child } from '../support/child.ts'
import { offloadNet, six, type OffloadNet } from '../support/offload.ts'
import { eventually } from '../support/proc.ts'
import { addresses } from '../support/three-namespaces.ts'

const { b, bTowardsC, c } = addresses
const cToo = '10.77.2.3'

function serving(net: OffloadNet, first: string): Child {
  const args = ['--import', 'tsx', `${root}test/support/offload-names-main.ts`, `${b}:7890`, 'moves.test:7890']
  const [command = '', ...before] = net.under.b
  return child(command, [...before, process.execPath, ...args], { env: { ...plainEnv(), FIRST: first }, stdin: 'pipe' })
}

describe('offload: names of upstreams', () => {
  it('a name that moves takes new sessions along, those that are open and the counters stay; what fails is told and changes nothing', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await net.exec('c', 'ip', 'addr', 'add', `${cToo}/24`, 'dev', 'cb')
    await using _echo = await net.echo('c', 7890, 7890)
    await using relay = serving(net, c)
    await relay.line(/^ready$/)
    const rules = () => net.exec('b', 'nft', 'list', 'ruleset')
    const asked = async (): Promise<string> => (await net.ask('a', [{ kind: 'tcp', host: b, port: 7890 }]))[0] ?? ''
    assert.equal(await asked(), `7890 ${bTowardsC} hello`)
    await using holding = net.hold(b, 7890, 'tcp')
    assert.deepEqual(await holding.ask('before'), [`7890 ${bTowardsC} before`])
    // Also the order of its addresses changes, but the one in use is still among them.
    relay.process.stdin?.write(`${cToo} ${c}\n`)
    relay.process.stdin?.write('\n')
    const [notice] = await relay.line(/^.*"code":"nameUnresolved".*$/)
    assert.match(notice, new RegExp(`"pipeline":0,"listener":"${b}:7890","name":"moves.test","message":"out of order"`))
    assert.match(await rules(), new RegExp(`dnat ip to ${c.replaceAll('.', '\\.')}:7890`))
    relay.process.stdin?.write(`${six.c}\n`)
    await relay.line(/"message":"[^"]*has no IPv4 address/)
    relay.process.stdin?.write(`${cToo}\n`)
    await eventually('the rules to follow', async () => (await rules()).includes(`dnat ip to ${cToo}:7890`))
    assert.equal(await asked(), `7890 ${bTowardsC} hello`)
    assert.deepEqual(await holding.ask('after'), ['after'])
    assert.equal((await net.tables()).length, 1)
    relay.process.stdin?.write('ledger\n')
    const [ledger] = await relay.line(/^.*"ledger".*$/)
    assert.match(ledger, /"accepted":3,/)
    relay.process.stdin?.end()
    assert.equal((await relay.exited).code, 0)
    assert.deepEqual(await net.tables(), [])
  })

  it('a name that does not resolve at the start is refused, and nothing is loaded', async () => {
    const options: ServeOptions = { offload: 'nftables', resolver: () => Promise.reject(new Error('out of order')) }
    const nowhere = udp('nowhere.test:7890')
    await rejected(serve(pipe(listen(udp(`${b}:7890`)), forward(nowhere)), options), 'ERR_MILLRACE_BAD_ADDRESS', 'forward[0]: "nowhere.test" does not resolve (out of order), and a rule needs its address')
    await rejected(serve(pipe(listen(nowhere), forward(udp(`${c}:7890`))), options), 'ERR_MILLRACE_BAD_ADDRESS', 'listen: "nowhere.test" does not resolve (out of order), and a rule needs its address')
  })
})
