/** Turns whatever ended a command into its one line on stderr and its exit code. */
import { CommanderError } from 'commander'
import { RelayError } from '../errors.ts'
import { exitFailure, exitUsage } from './usage.ts'

export function reportFailure(command: string | undefined, error: unknown): number {
  // --help and --version end commander this way too; without a command the help was printed as the complaint.
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  if (error instanceof CommanderError && error.code === 'commander.help') return exitUsage
  const name = command === undefined ? 'millrace' : `millrace: ${command}`
  process.stderr.write(`${name}: ${failureLine(error)}\n`)
  return error instanceof CommanderError && error.code !== 'millrace.failure' ? exitUsage : exitFailure
}

export function failureLine(error: unknown): string {
  if (error instanceof CommanderError) return commanderLine(error)
  if (error instanceof RelayError) return `${error.message}${hint(error)}`
  // Nothing that was foreseen: our own mistake, and then the stack is worth more than a neat line.
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** `error: unknown option '--foo'\n(Did you mean --bar?)` on one line. */
function commanderLine(error: CommanderError): string {
  return error.message.replace(/^error: /, '').replace(/\s*\n\(Did you mean (.*)\?\)$/, ' (did you mean $1?)')
}

function hint({ code, port }: RelayError): string {
  return code === 'EACCES' && port !== undefined && port > 0 && port < 1024 ? ' (ports below 1024 need CAP_NET_BIND_SERVICE)' : ''
}
