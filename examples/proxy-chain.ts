/**
 * A chain of two proxies, a SOCKS5 proxy and behind it an HTTP proxy: everybody here goes through both by an HTTP proxy of our own, and a port leads through both to one database.
 *
 *   npx millrace run examples/proxy-chain.ts
 *   curl -p -x 127.0.0.1:3128 https://example.com/        our proxy asks FIRST for SECOND, and SECOND for example.com
 *   psql -h 127.0.0.1 -p 5433                             SECOND resolves the name of DATABASE and connects to it
 *
 * All of it is native. A proxy that refuses, or is none, ends the session with proxyFailed, and the client of our proxy is told 502. Private addresses are refused before anybody is asked; names are
 * for SECOND to resolve, and to refuse.
 */
import { forward, httpConnect, httpProxy, listen, pipe, socks5Proxy, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:3128', LISTEN_DATABASE = '127.0.0.1:5433', FIRST = '127.0.0.1:1080', SECOND = '10.0.0.2:3128', DATABASE = 'db.internal:5432' } = process.env

const via = [socks5Proxy(FIRST), httpProxy(SECOND)]

export default [
  pipe(listen(tcp(LISTEN)), httpConnect({ via, ports: [443, '8000-8999'] })),
  pipe(listen(tcp(LISTEN_DATABASE)), forward(tcp(DATABASE), { via })),
]
