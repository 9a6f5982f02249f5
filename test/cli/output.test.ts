/** Lines, JSON lines and the live line on stdout. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { createOutput, type Terminal } from '../../lib/cli/output.ts'

function terminal(columns = 80): Terminal & { written(): string } {
  const stream = new PassThrough()
  return Object.assign(stream, { isTTY: true, columns, written: () => String(stream.read() ?? '') })
}

describe('output', () => {
  it('rewrites the live line on a terminal', () => {
    const stream = terminal()
    const output = createOutput(stream, false)
    output.showLive('one', { type: 'stats' })
    output.showLive('two', { type: 'stats' })
    assert.equal(stream.written(), '\r\u001b[Kone\r\u001b[Ktwo')
  })

  it('rewrites several live lines together, each cut to the width', () => {
    const stream = terminal(20)
    const output = createOutput(stream, false)
    output.showLive('one\n  shard 0', { type: 'stats' })
    output.showLive(`two\n${'x'.repeat(50)}`, { type: 'stats' })
    output.say('said', { type: 'notice' })
    assert.equal(stream.written(), `\r\u001b[Kone\n  shard 0\r\u001b[1A\u001b[Jtwo\n${'x'.repeat(19)}\r\u001b[1A\u001b[Jsaid\ntwo\n${'x'.repeat(19)}`)
  })

  it('puts other lines above the live line', () => {
    const stream = terminal()
    const output = createOutput(stream, false)
    output.showLive('live', { type: 'stats' })
    output.say('said', { type: 'notice' })
    output.endLive()
    output.say('after', { type: 'notice' })
    assert.equal(stream.written(), '\r\u001b[Klive\r\u001b[Ksaid\nlive\nafter\n')
  })

  it('cuts the live line to the width of the terminal, so that it stays one line', () => {
    const stream = terminal(20)
    createOutput(stream, false).showLive('x'.repeat(50), { type: 'stats' })
    assert.equal(stream.written(), `\r\u001b[K${'x'.repeat(19)}`)
  })

  it('takes a terminal that does not know its width for one of 80 columns', () => {
    const stream = terminal(0)
    createOutput(stream, false).showLive('x'.repeat(100), { type: 'stats' })
    assert.equal(stream.written(), `\r\u001b[K${'x'.repeat(79)}`)
  })

  it('prints an ordinary line elsewhere', () => {
    const stream = new PassThrough()
    const output = createOutput(stream, false)
    output.showLive('one', { type: 'stats' })
    output.showLive('two', { type: 'stats' })
    output.endLive()
    assert.equal(String(stream.read()), 'one\ntwo\n')
  })

  it('prints JSON, and no live line, for machines, even on a terminal', () => {
    const stream = terminal()
    const output = createOutput(stream, true)
    output.showLive('one', { type: 'stats', open: 1 })
    output.say('two', { type: 'notice', text: 'a\nb' })
    assert.equal(stream.written(), '{"type":"stats","open":1}\n{"type":"notice","text":"a\\nb"}\n')
  })

  it('leaves lines out for a reader that is too slow, says so, and keeps no more than a few megabytes', () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    const output = createOutput(stream, true)
    const text = 'x'.repeat(1024 * 1024)
    for (let n = 0; n < 100; n++) output.say('', { type: 'open', text })
    assert.ok(stream.writableLength + stream.readableLength < 12 * 1024 * 1024)
    const read: string[] = []
    stream.on('data', (chunk: Buffer) => read.push(chunk.toString()))
    stream.once('drain', () => output.say('', { type: 'open', text: 'again' }))
    return new Promise<void>((done) => {
      stream.on('data', () => {
        const lines = read.join('').split('\n')
        if (lines.at(-2) !== '{"type":"open","text":"again"}') return
        assert.match(lines.at(-3) ?? '', /^\{"type":"notice","code":"linesLost","count":\d\d\}$/)
        done()
      })
    })
  })

  it('goes on without its reader', () => {
    const stream = new PassThrough()
    const output = createOutput(stream, true)
    stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    output.say('', { type: 'open' })
    assert.equal(stream.read(), null)
  })
})
