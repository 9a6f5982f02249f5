/** `nc -u` through `millrace forward` to `nc -u -l`: what is typed on either side appears on the other. */
import assert from 'node:assert/strict'
import { child, plainEnv } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { udpSocket } from '../support/kernel.ts'
import { eventually } from '../support/proc.ts'
import { program } from '../support/programs.ts'
import { unusedPort } from '../support/unused-ports.ts'

describe('nc -u behind forward', () => {
  it('says both ways what it is told', async () => {
    const nc = program('nc', 'netcat-openbsd')
    const port = await unusedPort()
    await using upstream = child(nc, ['-u', '-l', '127.0.0.1', String(port)], { env: plainEnv(), stdin: 'pipe' })
    await eventually('nc to listen', () => udpSocket(port) !== undefined)
    await using relay = await forwardProcess(`udp://127.0.0.1:${port}`, { listen: 'udp://127.0.0.1:0', flags: ['--log'] })
    await using downstream = child(nc, ['-u', '127.0.0.1', String(relay.port)], { env: plainEnv(), stdin: 'pipe' })
    for (let i = 0; i < 10; i++) {
      downstream.process.stdin?.write(`question ${i}\n`)
      assert.ok(await upstream.line(new RegExp(`^question ${i}$`)))
      upstream.process.stdin?.write(`answer ${i}\n`)
      assert.ok(await downstream.line(new RegExp(`^answer ${i}$`)))
    }
  })
})
