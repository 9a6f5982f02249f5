/**
 * Inputs of fuzzing as text: one a line, made of texts in JSON and of bytes in hex, each of them as often as a number behind it says: `16 "abc\r\n" 5a*100`.
 * `#` begins a line that says something about them.
 */
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('seeds/', import.meta.url)

/** The seeds of a target; none where it has no file. */
export function seedsOf(target: string): readonly Buffer[] {
  if (!readdirSync(folder).includes(`${target}.txt`)) return []
  return readFileSync(new URL(`${target}.txt`, folder), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')).map(inputFrom)
}

/** Throws where the line is something else. */
export function inputFrom(line: string): Buffer {
  const parts = line.match(/"(?:[^"\\]|\\.)*"(?:\*\d+)?|[^\s"]+|"/g) ?? []
  return Buffer.concat(parts.map((part) => {
    const [, what = '', times = '1'] = /^(.*?)(?:\*(\d+))?$/.exec(part) ?? []
    const bytes = what.startsWith('"') ? Buffer.from(textIn(what), 'latin1') : /^(?:[0-9a-f]{2})+$/.test(what) ? Buffer.from(what, 'hex') : undefined
    if (bytes === undefined) throw new Error(`"${part}" is neither a text in quotes nor bytes in hex, with or without a *number`)
    return Buffer.concat(Array<Buffer>(Number(times)).fill(bytes))
  }))
}

function textIn(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    throw new Error(`${quoted} is no text as JSON has them`)
  }
}
