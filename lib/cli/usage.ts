/**
 * What ends a command early. Both kinds are commander's own error, so that one `catch` in cli.ts reports whatever went wrong:
 * `usage` is a mistake on the command line (exit 2), `failure` is everything else that was foreseen (exit 1).
 */
import { CommanderError } from 'commander'
import { RelayError } from '../errors.ts'

export const exitFailure = 1
export const exitUsage = 2

export function usage(message: string): CommanderError {
  return new CommanderError(exitUsage, 'millrace.usage', message)
}

export function failure(message: string): CommanderError {
  return new CommanderError(exitFailure, 'millrace.failure', message)
}

/** Runs a factory of the library on something typed for `option`; its refusal becomes a usage error that names the option. */
export function fromOption<T>(option: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof RelayError)) throw error
    throw usage(`${option}: ${withoutNames(option, error.message)}`)
  }
}

/** `forward: retries must be …` names the stage and its option, but the user has typed `--retries`. */
function withoutNames(option: string, message: string): string {
  return message.replace(/^[a-zA-Z0-9]+: /, '').replace(new RegExp(`^${camelCase(option)}(?:Ms|Bytes|PerSecond)?:? `), '')
}

/** `--max-flows` as commander and the library call it: `maxFlows`. */
export function camelCase(option: string): string {
  return option.replace(/^--/, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
