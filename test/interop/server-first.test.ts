/** Protocols in which the server speaks first: nothing may wait for the client's first byte. */
import assert from 'node:assert/strict'
import { child, plainEnv } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { digestOf, program } from '../support/programs.ts'
import { sha256 } from '../support/peers.ts'
import { unusedPort } from '../support/unused-ports.ts'

describe('a server that speaks first, behind forward', () => {
  it('its greeting reaches nc, which has said nothing, and then the answer to what nc says', async () => {
    const port = await unusedPort()
    const address = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`
    await using server = child(program('socat', 'socat'), ['-d', '-d', '-t', '30', address, 'SYSTEM:echo 220 ready; cat'], { env: plainEnv() })
    await server.line(/listening on/)
    await using relay = await forwardProcess(port)

    await using quiet = child(program('nc', 'netcat-openbsd'), ['127.0.0.1', String(relay.port)], { env: plainEnv(), stdin: 'pipe' })
    assert.equal((await quiet.line(/^220/)).input, '220 ready')

    const spoken = await digestOf(program('nc', 'netcat-openbsd'), ['-N', '127.0.0.1', String(relay.port)], { input: 'EHLO\n' })
    assert.equal(spoken.sha256, sha256(Buffer.from('220 ready\nEHLO\n')))
  })
})
