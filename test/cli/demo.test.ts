/** What `npm start` runs. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { startCli } from '../support/cli.ts'

describe('millrace demo', () => {
  it('forwards a free port where 8080 is taken, says so, and answers what it says to try', async () => {
    const taken = createServer()
    // Somebody else may have it already, and that is just as good.
    await new Promise<void>((done) => taken.once('error', () => done()).listen(8080, '127.0.0.1', done))
    await using program = startCli(['demo'])
    await program.line(/^port 8080 is taken, using a free one$/)
    await program.line(/^listening tcp 127\.0\.0\.1:(?!8080 )[1-9]\d* -> tcp 127\.0\.0\.1:[1-9]\d*$/)
    const [, at = ''] = await program.line(/^try: curl (http:\/\/127\.0\.0\.1:\d+)\/ /)
    assert.equal(await (await fetch(`${at}/hello`)).text(), 'Hello from behind the relay. You asked for /hello\n')
    const bytes = await (await fetch(`${at}/bytes/3000000`)).arrayBuffer()
    assert.equal(bytes.byteLength, 3_000_000)
    await program.line(/^sessions \d open of [1-9]\d* .* toDownstream \S+ \S+, 3 MB /)
    program.kill('SIGINT')
    assert.equal((await program.exited).code, 0)
    assert.equal(program.stderr(), '')
    taken.close()
  })
})
