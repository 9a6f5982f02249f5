/**
 * A reusable handler module: the PROXY protocol, version 1 (haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.1), in both
 * roles. A module like this exports functions that return stages; a script puts them where it wants them.
 * `edge-relay.ts` sends the header, `inner-relay.ts` takes it off again.
 */
import type { Session } from 'millrace'
import { encode, inspect, more, reject, replace } from 'millrace'

/** The longest header there can be, CRLF included. */
const maxHeaderBytes = 107
const header = /^PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n/

/** Tells the upstream whose session this is, before its first byte; `minBytes: 0` lets the upstream be the first to speak. */
export function sendProxyHeader() {
  return inspect({ minBytes: 0 }, (_head, session) => replace(0, encode(headerFor(session))))
}

/** Takes the header off and hands the caller's address to `seen`; without a whole and valid header there is no session. */
export function acceptProxyHeader(seen: (address: string, session: Session) => void) {
  return inspect({ maxBytes: maxHeaderBytes, timeoutMs: 3_000 }, (head, session) => {
    const text = head.toString('latin1')
    const found = header.exec(text)
    if (found === null) return text.includes('\n') || head.length === maxHeaderBytes ? reject('no PROXY header') : more()
    const [whole, family, source, , port] = found
    seen(family === undefined ? session.downstream : join(source, port), session)
    return replace(whole.length, encode(''))
  })
}

function headerFor(session: Session): string {
  const [source, listener] = [split(session.downstream), split(session.listener)]
  if (source === undefined || listener === undefined) return 'PROXY UNKNOWN\r\n' // a unix socket has no address to tell
  return `PROXY ${source.host.includes(':') ? 'TCP6' : 'TCP4'} ${source.host} ${listener.host} ${source.port} ${listener.port}\r\n`
}

/** `127.0.0.1:5555` and `[::1]:5555` into their halves. */
function split(address: string): { readonly host: string; readonly port: string } | undefined {
  const { host, port } = /^\[?(?<host>[0-9a-f.:]+?)\]?:(?<port>\d+)$/.exec(address)?.groups ?? {}
  return host === undefined || port === undefined ? undefined : { host, port }
}

function join(host = '', port = ''): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
