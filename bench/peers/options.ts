/** The command line of bench:peers. */
import { fileURLToPath } from 'node:url'
import { benchCommand, namesOf, numberFrom } from '../command-line.ts'
import { workloads } from './workloads.ts'
import type { SubjectName, Workload } from './workloads.ts'

/** The result that README.md shows. */
export const committedResult = fileURLToPath(new URL('../results/peers.json', import.meta.url))

const roles = [...new Set(workloads.map(({ role }) => role))]
/** Ours are always measured. */
const ours: readonly SubjectName[] = ['ours', 'handler']
const peers = [...new Set(workloads.flatMap(({ subjects }) => subjects))].filter((name) => !ours.includes(name))

export type Options = {
  readonly secs: number
  readonly rounds: number
  readonly workloads: readonly Workload[]
  readonly subjects: readonly SubjectName[]
  readonly json?: string
}

/** Throws a CommanderError for what is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const command = benchCommand('bench:peers')
    .usage('-- [options]')
    .description('Measures millrace beside other relays on loopback, in alternating rounds.')
    .option('--secs <seconds>', 'how long each measurement lasts', numberFrom(0.1, 60), 3)
    .option('--rounds <count>', 'how often each is measured', numberFrom(1, 99, 'an integer'), 3)
    .option('--only <names>', `workloads, or all of a kind: ${[...roles, ...workloads.map(({ name }) => name)].join(', ')}`, namesOf([...roles, ...workloads.map(({ name }) => name)]))
    .option('--peers <names>', `who is measured beside millrace: ${peers.join(', ')}`, namesOf(peers))
    .option('--json [file]', 'write every round to a file; bench/results/peers.json where none is named')
    .parse([...args], { from: 'user' })
  const { secs, rounds, only, peers: beside, json } = command.opts<{ secs: number; rounds: number; only?: readonly string[]; peers?: readonly string[]; json?: string | true }>()
  return {
    secs,
    rounds,
    workloads: workloads.filter(({ name, role }) => only === undefined || only.includes(name) || only.includes(role)),
    subjects: [...ours, ...peers.filter((name) => beside === undefined || beside.includes(name))],
    ...(json === undefined ? {} : { json: json === true ? committedResult : json }),
  }
}
