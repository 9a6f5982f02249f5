/** The local addresses that upstreams are connected from. */
import { normalizeIp } from '../address.ts'
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'

const mostSources = 256

/** IP addresses to connect from, none twice. Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_BAD_ADDRESS. */
export function checkSources(node: string, given: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0 || list.length > mostSources) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', node, `sourceAddress: expected 1 to ${mostSources} IP addresses, not ${list.length}`)
  }
  const sources = list.map((one) => checkSource(node, one))
  const twice = sources.find((source, i) => sources.indexOf(source) < i)
  if (twice !== undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `sourceAddress: ${shown(twice)} is there twice`)
  return sources
}

/** `from 10.0.0.1, 10.0.0.2 in turn`. */
export function showSources(sources: readonly string[]): readonly string[] {
  return sources.length === 0 ? [] : [`from ${sources.join(', ')}${sources.length === 1 ? '' : ' in turn'}`]
}

function checkSource(node: string, text: unknown): string {
  const ip = typeof text === 'string' ? normalizeIp(text) : undefined
  if (ip === undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `sourceAddress: ${shown(text)} is not an IP address`)
  return ip
}
