/** A proxy on the way as it is typed: `socks5://guest:secret@127.0.0.1:1080`. */
import { shown } from '../options.ts'
import { httpProxy } from '../proxy/http-proxy.ts'
import { socks5Proxy } from '../proxy/socks5-proxy.ts'
import type { Via } from '../proxy/via.ts'
import { fromOption, usage } from './usage.ts'

const schemes = new Map([
  ['socks5', socks5Proxy],
  ['http', httpProxy],
])

/** User and password may have any byte as %XX. The message has neither. */
export function parseVia(option: string, text: string): Via {
  const [, scheme = '', login, address = ''] = /^([a-z0-9+.-]+):\/\/(?:([^@/]*)@)?([^@]*)$/i.exec(text) ?? []
  const proxy = schemes.get(scheme)
  if (proxy === undefined) throw usage(`${option}: expected socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT, not ${shown(text.replace(/^([a-z0-9+.-]+:\/\/)?.*@/is, '$1…@'))}`)
  if (login === undefined) return fromOption(option, () => proxy(address))
  const colon = login.indexOf(':')
  if (colon < 0) throw usage(`${option}: a user needs a password: USER:PASSWORD@`)
  const [user, password] = [decoded(option, login.slice(0, colon)), decoded(option, login.slice(colon + 1))]
  return fromOption(option, () => proxy(address, { user, password }))
}

function decoded(option: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw usage(`${option}: USER and PASSWORD must have %25 for a percent sign`)
  }
}
