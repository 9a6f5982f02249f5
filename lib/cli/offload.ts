/** `millrace offload show` and `millrace offload clear`: the tables that `--offload nftables` has made on this machine, and their end. */
import { Command } from 'commander'
import type { ClearTables, ShowTables } from './offload-tables.ts'

const about =
  'With --offload nftables a relay is rules of the kernel, in a table of nftables of its own; no packet comes to millrace. It needs nft, CAP_NET_ADMIN and ' +
  'net.ipv4.ip_forward (for IPv6 net.ipv6.conf.all.forwarding). The table goes when the relay ends. One that was killed leaves its table at work: ' +
  'the next start at the same ports replaces it, and `offload clear` removes it. A process of another pid namespace looks as if it had ended.'

export function offloadCommand(): Command {
  const command = new Command('offload')
    .summary('show or remove the rules that --offload nftables has made')
    .description(about)
    .addHelpText('after', '\nExamples:\n  $ millrace forward tcp://0.0.0.0:8080 tcp://10.0.0.5:80 --offload nftables --stats 1s\n  $ millrace offload show\n  $ millrace offload clear')
  return command.addCommand(showCommand()).addCommand(clearCommand())
}

function showCommand(): Command {
  return new Command('show')
    .summary('list the tables with their owner, listeners, upstreams and counters')
    .description('Lists the tables of millrace in this network namespace: whose they are, whether that process still runs, and what they have relayed.')
    .option('--json', 'print one JSON object a table')
    .addHelpText('after', '\nExamples:\n  $ millrace offload show\n  $ millrace offload show --json | jq .')
    .action(async (options: ShowTables) => {
      const { showTables } = await import('./offload-tables.ts')
      await showTables(options)
    })
}

function clearCommand(): Command {
  return new Command('clear')
    .summary('remove the tables whose process has ended')
    .description('Removes the tables of millrace whose process has ended, in one transaction. Their sessions end with them.')
    .option('--all', 'also those of processes that run, which then relay nothing any more')
    .option('--json', 'print one JSON object a table')
    .addHelpText('after', '\nExamples:\n  $ millrace offload clear\n  $ millrace offload clear --all')
    .action(async (options: ClearTables) => {
      const { clearTables } = await import('./offload-tables.ts')
      await clearTables(options)
    })
}
