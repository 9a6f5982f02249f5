#!/usr/bin/env node
/**
 * The `millrace` program: one thin file a command in cli/. Whatever goes wrong is one line on stderr, `millrace: COMMAND: what`,
 * and an exit code: 2 for a mistake on the command line, 1 for anything else.
 */
import { Command } from 'commander'
import { leave } from './cli/leave.ts'
import { reportFailure } from './cli/report.ts'
import { version } from './cli/version.ts'

const examples = `
Examples:
  $ millrace forward tcp://127.0.0.1:8080 tcp://10.0.0.5:80 --stats 1s
  $ millrace forward udp://0.0.0.0:7890-7900 udp://10.0.0.3:7890-7900 --stats 1s
  $ millrace run relay.ts
  $ millrace explain relay.ts

More about a command: millrace COMMAND --help`

// A reader that is gone is its own business: `millrace explain FILE | head -1` is no failure, and a relay goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

let running: string | undefined

const program = new Command('millrace')
  .description('Relays streams and datagrams: a native loop moves the bytes, TypeScript says what should happen to them.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .exitOverride()
  // Errors are reported below, in one line each.
  .configureOutput({ outputError: () => undefined })
  .addHelpText('after', examples)
  .hook('preSubcommand', (_, command) => {
    running = command.name()
  })

// One after the other: else every file of all of them would be open at once, and a relay may be started with 64 descriptors.
const relaying = [
  (await import('./cli/forward.ts')).forwardCommand(),
  (await import('./cli/echo.ts')).echoCommand(),
  (await import('./cli/stun.ts')).stunCommand(),
  (await import('./cli/socks5.ts')).socks5Command(),
  (await import('./cli/http-proxy.ts')).httpProxyCommand(),
  (await import('./cli/run.ts')).runCommand(),
  (await import('./cli/explain.ts')).explainCommand(),
  (await import('./cli/check.ts')).checkCommand(),
]
const measuring = [(await import('./cli/blast.ts')).blastCommand(), (await import('./cli/sink.ts')).sinkCommand(), (await import('./cli/doctor.ts')).doctorCommand()]
const others = [(await import('./cli/offload.ts')).offloadCommand(), (await import('./cli/demo.ts')).demoCommand(), (await import('./cli/help.ts')).helpCommand()]
for (const command of [...relaying, ...measuring, ...others]) {
  program.addCommand(command.copyInheritedSettings(program))
  for (const nested of command.commands) nested.copyInheritedSettings(command)
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(running, error)
}
await leave()
