/** What a handler answers about a head. */
import { misuse } from './errors.ts'
import { checkBytes, shown } from './options.ts'

/** The session goes on with the head as it is. */
export type Pass = { readonly verdict: 'pass' }
/** The handler needs a longer head. */
export type More = { readonly verdict: 'more' }
/** The session goes on with the first bytes of the head replaced. */
export type Replace = { readonly verdict: 'replace'; readonly consumedBytes: number; readonly bytes: Uint8Array }
/** The session ends. */
export type Reject = { readonly verdict: 'reject'; readonly message: string | undefined; readonly reply: Uint8Array | undefined }

const passed: Pass = Object.freeze({ verdict: 'pass' })
const wanted: More = Object.freeze({ verdict: 'more' })

/** Lets the session go on with its head unchanged. */
export function pass(): Pass {
  return passed
}

/**
 * Asks to be called again with a longer head. The session ends with `headTooLarge` where the head has its `maxBytes` already, with
 * `headIncomplete` where the downstream has sent FIN, and with `headTimeout` where nothing comes in time.
 */
export function more(): More {
  return wanted
}

/**
 * Lets the session go on with the first `consumedBytes` (0 to the length of the head) replaced by `bytes`; text stands for its UTF-8.
 * Throws ERR_MILLRACE_BAD_VERDICT and ERR_MILLRACE_BAD_OPTION.
 */
export function replace(consumedBytes: number, bytes: Uint8Array | string): Replace {
  if (!Number.isSafeInteger(consumedBytes) || consumedBytes < 0) {
    throw misuse('ERR_MILLRACE_BAD_VERDICT', 'replace', `consumedBytes must be an integer of at least 0, not ${shown(consumedBytes)}`)
  }
  return { verdict: 'replace', consumedBytes, bytes: checkBytes('replace', 'bytes', bytes) }
}

/**
 * Ends the session with the reason `rejected`. `message` comes with its close event; `reply` is sent to the downstream first, text
 * as its UTF-8. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function reject(message?: string, reply?: Uint8Array | string): Reject {
  return { verdict: 'reject', message, reply: reply === undefined ? undefined : checkBytes('reject', 'reply', reply) }
}

/** Whether the head begins with these bytes, or with the UTF-8 of this text; no where it is still shorter. */
export function startsWith(head: Uint8Array, text: string | Uint8Array): boolean {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  if (head.length < bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (head[i] !== bytes[i]) return false
  return true
}

/** The UTF-8 of a text. */
export function encode(text: string): Uint8Array {
  return Buffer.from(text)
}
