/** STUN clients that others wrote, and the server asked by each: coturn's, that of RFC 3489's authors, and one of npm. */
import assert from 'node:assert/strict'
import { run } from '../support/child.ts'
import { startCli } from '../support/cli.ts'
import { program } from '../support/programs.ts'
import { finish } from '../cli/lines.ts'

const ready = /^listening udp 127\.0\.0\.1:(\d+) -> stun/

describe('STUN clients', () => {
  it("coturn's turnutils_stunclient is told its address", async () => {
    await using server = startCli(['stun', 'udp://127.0.0.1:0'])
    const [, port = ''] = await server.line(ready)
    const { stdout, stderr } = await run(program('turnutils_stunclient', 'coturn'), ['-p', port, '127.0.0.1'])
    assert.match(stdout + stderr, /IPv4\. UDP reflexive addr: 127\.0\.0\.1:\d+/)
    await finish(server)
  })

  it("Debian's stun-client, of RFC 3489, is told its address where the server speaks that", async () => {
    await using server = startCli(['stun', 'udp://127.0.0.1:0', '--rfc3489'])
    const [, port = ''] = await server.line(ready)
    const { stdout, stderr } = await run(program('stun', 'stun-client', ['/usr/bin']), [`127.0.0.1:${port}`, '1', '-v'])
    assert.match(stdout + stderr, /MappedAddress = 127\.0\.0\.1:\d+\s+ok=1/)
    await finish(server)
  })

  it('the npm package stun is told its address', async () => {
    await using server = startCli(['stun', 'udp://127.0.0.1:0'])
    const [, port = ''] = await server.line(ready)
    const asks = `import stun from 'stun'; console.log((await stun.request('127.0.0.1:${port}')).getXorAddress())`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', asks])
    assert.match(stdout, /family: 'IPv4',\s+address: '127\.0\.0\.1'/)
    await finish(server)
  })
})
