/** `millrace http-proxy LISTEN`: an HTTP proxy for tunnels. */
import { Command } from 'commander'
import { httpConnect } from '../sinks/http-connect.ts'
import { proxyCommand } from './proxy-options.ts'

const examples = `
Examples:
  $ millrace http-proxy tcp://127.0.0.1:3128          then: curl -p -x 127.0.0.1:3128 https://example.com/
  $ millrace http-proxy tcp://127.0.0.1:3128 --allow-port 443 --allow-port 8000-8999 --log
  $ millrace http-proxy tcp://10.0.0.1:3128 --allow 10.0.0.0/8 --via socks5://guest:secret@10.0.0.2:1080`

export function httpProxyCommand(): Command {
  const command = new Command('http-proxy')
    .summary('be an HTTP proxy for tunnels (CONNECT)')
    .description('Accepts HTTP clients on LISTEN and connects each to where it asks by CONNECT, by address or by name; other methods are answered 405, so curl needs -p for http:// URLs. Private, local and reserved addresses, and those of this machine, have to be allowed.')
  return proxyCommand(command, '443', httpConnect).addHelpText('after', examples)
}
