/** The PROXY protocol of datagrams with dnsdist on either side: it speaks for all of its clients from a few ports of its own. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { forward, listen as from, pipe, proxyProtocol, udp } from '../../lib/index.ts'
import { child, plainEnv, run, type Child } from '../support/child.ts'
import { eventually } from '../support/proc.ts'
import { program, temporaryFolder } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const clients = Array.from({ length: 40 }, (_, i) => `127.0.7.${i + 1}`)

describe('dnsdist, PROXY protocol over UDP', function () {
  this.timeout(60_000)
  const folder = temporaryFolder()
  after(() => folder[Symbol.dispose]())

  const ask = async (client: string, port: number): Promise<string> =>
    (await run(program('dig', 'bind9-dnsutils'), ['@127.0.0.1', '-b', client, '-p', String(port), '+short', '+tries=1', '+timeout=10', 'who.millrace.test', 'A'])).stdout.trim()

  /** dnsdist once it answers at `port`. */
  const serving = async (port: number, rules: string): Promise<Child> => {
    const file = `${folder.path}/dnsdist-${port}.conf`
    writeFileSync(file, `setLocal('127.0.0.1:${port}')\nsetACL({'127.0.0.0/8'})\nsetSecurityPollSuffix('')\n${rules}\n`)
    const server = child(program('dnsdist', 'dnsdist'), ['--supervised', '--disable-syslog', '-C', file], { env: plainEnv() })
    await server.line(/Listening on 127/)
    return server
  }

  /** Answers each question with the address that dnsdist thinks it is from. */
  const tellsWho = 'addAction(AllRule(), LuaAction(function(question) return DNSAction.Spoof, question.remoteaddr:toString() end))'

  it('behind the relay it answers whom the header names, with every question of a client', async () => {
    const port = await unusedPort()
    await using _dnsdist = await serving(port, `setProxyProtocolACL({'127.0.0.1/32'})\n${tellsWho}`)
    await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(`127.0.0.1:${port}`), { proxyProtocol: 2, responses: 1 })), {}, async (relay) => {
      const at = Number(relay.address.split(':').at(-1))
      assert.deepEqual(await Promise.all(clients.map((client) => ask(client, at))), clients)
    })
  })

  it('in front of the relay, which is told of each client, and with it in front of another dnsdist', async () => {
    const [back, front] = [await unusedPort(), await unusedPort()]
    await using _back = await serving(back, `setProxyProtocolACL({'127.0.0.1/32'})\n${tellsWho}`)
    const pipeline = pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: ['127.0.0.1'] }), forward(udp(`127.0.0.1:${back}`), { proxyProtocol: 2, responses: 1 }))
    await withRelay(pipeline, {}, async (relay) => {
      await using _front = await serving(front, `newServer({ address = '${relay.address}', useProxyProtocol = true })`)
      await eventually('dnsdist to find its server up', async () => (await ask('127.0.0.1', front).catch(() => '')) === '127.0.0.1')
      assert.deepEqual(await Promise.all(clients.map((client) => ask(client, front))), clients)
      const said = new Set(relay.events.flatMap((event) => (event.type === 'open' ? [event.downstream.split(':')[0]] : [])))
      assert.deepEqual(clients.filter((client) => !said.has(client)), [])
    })
  })
})
