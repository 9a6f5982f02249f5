/** The matcher `regexp`. */
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, shown } from '../options.ts'
import type { Kind, Matcher } from '../part.ts'
import { compileRegexp } from '../regexp-program.ts'

/** The options of `regexp`. */
export type RegexpOptions = {
  /** Bytes from the beginning within which the match has to lie, 1 to 16383; default 1024. More of them leave room for less of an expression: instructions times bytes are at most 4194304. */
  readonly maxBytes?: number
}

/**
 * Whether the regular expression matches somewhere in the head or in the datagram, natively and without backtracking: it takes at most twice as many steps as there are bytes times instructions, to which
 * a character or a class adds one, and `{n}` as many as what it repeats has. At most 4096 instructions. Each look at a head that has grown begins anew, so one that comes byte by byte costs as many looks as it has
 * bytes: keep `maxBytes` small where anybody may connect.
 *
 * Each byte is one character, as in latin1: `.` is one byte, `\xff` is the byte 255. What is not ASCII has to be written by its bytes: `/caf\xc3\xa9/`. The flags i, m and s mean
 * what they mean in JavaScript; others are refused, and so are lookaround, back references and modifiers, with their place. Groups, named or not, capture nothing.
 *
 * Yes as soon as the bytes there hold a match. An expression that begins with `^` is no as soon as nothing that comes can make it match; one that may match anywhere only when `maxBytes`
 * are there, or the end, so a client that waits for an answer before then ends with `headTimeout`. `$` is the end of the datagram or of what the client sends, which is known when
 * it has sent FIN; with the flag m it is the end of a line too.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function regexp(pattern: RegExp, options: RegexpOptions = {}): Matcher<Kind> {
  if (!(pattern instanceof RegExp)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'regexp', `expected a regular expression such as /^GET /, not ${shown(pattern)}`)
  checkNames('regexp', options, ['maxBytes'])
  const { maxBytes = 1_024 } = options
  checkInteger('regexp', 'maxBytes', maxBytes, { least: 1, most: 16_383, unit: 'bytes' })
  const program = compileRegexp(pattern, maxBytes)
  const text = String(pattern)
  return { role: 'matcher', name: 'regexp', shows: text.length > 60 ? `${text.slice(0, 57)}...` : text, plan: { op: 'regexp', ...program, maxBytes } }
}
