/** What the options of the benches have in common: numbers within bounds, names out of a list, and errors that say what is expected. */
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import leven from 'leven'

/** Both included. */
export function numberFrom(least: number, most: number, what: 'a number' | 'an integer' = 'a number'): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (value >= least && value <= most && (what === 'a number' || Number.isInteger(value))) return value
    throw new InvalidArgumentError(`must be ${what} from ${least} to ${most}`)
  }
}

/** Names with commas between them, each of which is known. */
export function namesOf(known: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const names = text.split(',').map((name) => name.trim())
    for (const name of names) {
      if (known.includes(name)) continue
      const nearest = known.toSorted((a, b) => leven(name, a) - leven(name, b))[0] ?? ''
      throw new InvalidArgumentError(leven(name, nearest) <= Math.max(1, nearest.length / 3) ? `"${name}" is not known: did you mean "${nearest}"?` : `"${name}" is not known: known are ${known.join(', ')}`)
    }
    return names
  }
}

/** A command that throws what is wrong with its options instead of ending the process. */
export function benchCommand(name: string): Command {
  return new Command(name).exitOverride().configureOutput({ writeErr: () => undefined }).allowExcessArguments(false).showHelpAfterError(false)
}

/** Runs the whole of a bench; a mistake on the command line ends it with 2, anything else that was foreseen with 1. */
export async function runBench(main: () => void | Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return // the help was asked for
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = error instanceof CommanderError ? 2 : 1
  }
}
