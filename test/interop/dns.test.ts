/** DNS through `millrace forward`: dnsmasq behind it, dig and dnsperf in front, every answer the right one. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, plainEnv, run, type Child } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { program, temporaryFolder } from '../support/programs.ts'
import { unusedPort } from '../support/unused-ports.ts'

const names = 5_000
const name = (i: number): string => `host-${i}.millrace.test`
const address = (i: number): string => `10.7.${i >> 8}.${i & 255}`
const hosts = Array.from({ length: names }, (_, i) => i)

describe('DNS behind forward', () => {
  const folder = temporaryFolder()
  let resolver: Child
  /** Ends a flow with its answer, which is right where a client waits for it before it asks again. */
  let relay: ForwardProcess

  before(async () => {
    const port = await unusedPort()
    const records = join(folder.path, 'hosts')
    writeFileSync(records, hosts.map((i) => `${address(i)} ${name(i)}\n`).join(''), { mode: 0o644 })
    resolver = child(program('dnsmasq', 'dnsmasq-base'), [
      '--keep-in-foreground', '--no-resolv', '--no-hosts', `--addn-hosts=${records}`, `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces',
      '--log-facility=-', '--user=', '--conf-file=/dev/null', '--pid-file=', '--cache-size=10000',
    ], { env: plainEnv() })
    await resolver.line(/dnsmasq.*read .*hosts/)
    relay = await forwardProcess(`udp://127.0.0.1:${port}`, { listen: 'udp://127.0.0.1:0', flags: ['--responses', '1', '--log'] })
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    await resolver[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  it(`dig gets ${names} answers to ${names} queries, each its own`, async () => {
    const batch = join(folder.path, 'batch')
    writeFileSync(batch, hosts.map((i) => `${name(i)} A\n`).join(''))
    const { stdout } = await run(program('dig', 'bind9-dnsutils'), ['@127.0.0.1', '-p', String(relay.port), '+short', '+tries=1', '+timeout=10', '-f', batch])
    assert.deepEqual(stdout.trim().split('\n'), hosts.map(address))
  })

  it('a flow ends with its answer', async () => {
    await relay.line(/127\.0\.0\.1:\d+.*\bfinished\b/)
  })

  it(`dnsperf loses none of ${5 * names} from 20 clients that have several questions open at once`, async () => {
    const data = join(folder.path, 'data')
    writeFileSync(data, hosts.map((i) => `${name(i)} A\n`).join(''))
    const { stdout } = await run(program('dnsperf', 'dnsperf'), ['-s', '127.0.0.1', '-p', String(relay.port), '-d', data, '-n', '5', '-c', '20', '-t', '10'])
    assert.match(stdout, new RegExp(`Queries completed:\\s+${5 * names} \\(100\\.00%\\)`), stdout)
    assert.match(stdout, /Queries lost:\s+0 /, stdout)
    assert.match(stdout, new RegExp(`Response codes:\\s+NOERROR ${5 * names} \\(100\\.00%\\)`), stdout)
    console.log(`      ${/Queries per second:\s+\S+/.exec(stdout)?.[0] ?? ''}`)
  })
})
