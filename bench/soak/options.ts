/** The command line of the soak. */
import { randomInt } from 'node:crypto'
import { benchCommand, numberFrom } from '../command-line.ts'

export type Options = {
  readonly minutes: number
  readonly seed: number
  /** Seconds between two samples. */
  readonly every: number
  /** Whether the latency of small messages is measured at the end, and how. */
  readonly latency: boolean
  readonly rounds: number
  readonly secs: number
  readonly json?: string
}

/** Throws a CommanderError for what is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const command = benchCommand('soak')
    .usage('-- [options]')
    .description('Runs a relay under mixed load for a long time, and says what it has kept that it should have given back.')
    .option('--minutes <count>', 'how long the load lasts', numberFrom(0.05, 7 * 24 * 60), 10)
    .option('--seed <number>', 'repeats the choices of another run', numberFrom(0, 2 ** 32 - 1, 'an integer'))
    .option('--every <seconds>', 'time between two samples', numberFrom(0.5, 600), 5)
    .option('--no-latency', 'leave out the latency of small messages beside bulk')
    .option('--rounds <count>', 'how often the latency is measured without and beside bulk', numberFrom(1, 99, 'an integer'), 5)
    .option('--secs <seconds>', 'how long each of these measurements lasts', numberFrom(0.1, 60), 3)
    .option('--json <file>', 'write the samples and the rounds to a file')
    .parse([...args], { from: 'user' })
  const { seed, ...options } = command.opts<Omit<Options, 'seed'> & { seed?: number }>()
  return { ...options, seed: seed ?? randomInt(2 ** 32) }
}

/** A ratio of a few seconds on whatever else runs there is only shown. */
export const latencyIsJudged = ({ minutes }: Options): boolean => minutes >= 1
