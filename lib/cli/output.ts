/**
 * What a command says on stdout: lines for people, or one JSON object a line for machines; and, on a terminal, one live line
 * that is rewritten below them. A reader that is gone or too slow costs lines, never memory and never a session.
 */
import type { Writable } from 'node:stream'

/** Bytes that may wait for a slow reader of stdout before lines are left out. */
const maxWaitingBytes = 8 * 1024 * 1024

export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string }

export type Output = {
  readonly json: boolean
  /** Whether `live` rewrites its line. */
  readonly live: boolean
  /** Says the same thing to a person or, under --json, to a machine. */
  say(text: string, json: JsonLine): void
  /** One line or several that stay on a terminal until the next call; ordinary lines elsewhere. */
  showLive(text: string, json: JsonLine): void
  /** Ends the live line, so that what follows starts on a fresh one. */
  endLive(): void
}

export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

export function createOutput(stream: Terminal, json: boolean): Output {
  const live = !json && stream.isTTY === true
  let shown = ''
  let lost = 0
  let gone = false
  stream.on('error', () => {
    gone = true // EPIPE: whoever read this is gone, the sessions are not
  })

  const write = (text: string): void => {
    if (gone) return
    if (stream.writableLength > maxWaitingBytes) {
      lost++
      return
    }
    if (lost > 0) stream.write(json ? `${JSON.stringify({ type: 'notice', code: 'linesLost', count: lost })}\n` : `notice: ${lost} lines were left out, the reader is too slow\n`)
    lost = 0
    stream.write(text)
  }
  // A terminal that does not know its width says 0.
  const width = (): number => (stream.columns === undefined || stream.columns === 0 ? 80 : stream.columns)
  const height = (): number => (stream.rows === undefined || stream.rows === 0 ? 24 : stream.rows)
  /** No wider and no higher than the terminal: what has scrolled away cannot be rewritten. */
  const fit = (text: string): string => text.split('\n').slice(0, height()).map((one) => one.slice(0, width() - 1)).join('\n')
  /** To where the live lines begin, and what is there erased. */
  const erase = (): string => {
    const up = shown.split('\n').length - 1
    return up === 0 ? '\r\u001b[K' : `\r\u001b[${up}A\u001b[J`
  }
  const line = (text: string, object: JsonLine): void => {
    if (json) write(`${JSON.stringify(object)}\n`)
    else if (shown === '') write(`${text}\n`)
    else write(`${erase()}${text}\n${shown}`)
  }

  return {
    json,
    live,
    say: line,
    showLive(text, object) {
      if (live) {
        const before = erase()
        shown = fit(text)
        write(`${before}${shown}`)
      } else {
        line(text, object)
      }
    },
    endLive() {
      if (shown !== '') write('\n')
      shown = ''
    },
  }
}
