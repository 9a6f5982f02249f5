/** Names and passwords, those that our clients have to know and those that we say to a proxy. */
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { PlanLogin } from '../plan.ts'

/** What SOCKS5 has room for (RFC 1929). */
const mostBytes = 255

/** Throws ERR_MILLRACE_BAD_OPTION; the message has the name and never the password. */
export function loginOf(node: string, name: unknown, password: unknown): PlanLogin {
  const refuse = (why: string): Error => misuse('ERR_MILLRACE_BAD_OPTION', node, why)
  if (typeof name !== 'string' || !fits(name)) throw refuse(`a user's name must have 1 to ${mostBytes} bytes and no control characters, not ${shown(name)}`)
  if (name.includes(':')) throw refuse(`a user's name must have no colon, which ends it in HTTP (RFC 7617), not ${shown(name)}`)
  if (typeof password !== 'string' || !fits(password)) throw refuse(`the password of ${shown(name)} must have 1 to ${mostBytes} bytes and no control characters`)
  return { name, password, basic: Buffer.from(`${name}:${password}`).toString('base64') }
}

function fits(text: string): boolean {
  const bytes = Buffer.byteLength(text)
  return bytes >= 1 && bytes <= mostBytes && !/[\u0000-\u001f\u007f]/.test(text)
}
