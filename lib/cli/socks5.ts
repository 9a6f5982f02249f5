/** `millrace socks5 LISTEN`: a SOCKS5 server. */
import { Command } from 'commander'
import { socks5 } from '../sinks/socks5.ts'
import { proxyCommand } from './proxy-options.ts'

const examples = `
Examples:
  $ millrace socks5 tcp://127.0.0.1:1080
  $ millrace socks5 tcp://0.0.0.0:1080 --user guest:/etc/millrace/guest.password --allow-destination 10.0.0.0/8 --log
  $ millrace socks5 tcp://127.0.0.1:1080 --via http://10.0.0.2:3128 --throttle 10MB/s`

export function socks5Command(): Command {
  const command = new Command('socks5')
    .summary('be a SOCKS5 server')
    .description('Accepts SOCKS5 clients on LISTEN and connects each to where it asks, by address or by name. Private, local and reserved addresses, and those of this machine, have to be allowed.')
    .option('--udp', 'relay the datagrams of clients too (UDP ASSOCIATE)')
  return proxyCommand(command, 'all but 25', socks5).addHelpText('after', examples)
}
