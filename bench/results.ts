/** The file that a bench writes with `--json`: every round, and what it was measured on. Medians are made by whoever reads it. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Environment } from './environment.ts'

/** One measurement. `cost` is CPU per unit; the others are there where the workload has them. */
export type Round = {
  readonly value: number
  readonly cost?: number
  readonly p50Us?: number
  readonly p99Us?: number
  readonly p999Us?: number
  readonly lostPercent?: number
  readonly failed?: number
  /** Of the messages that were due, those that were answered. */
  readonly answeredPercent?: number
  /** What went through beside it. */
  readonly bulkBytesPerSecond?: number
}

export type WorkloadResult = {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly better: 'more' | 'less'
  /** Where the CPU time is measured: `CPU µs/request`. */
  readonly costUnit?: string
  readonly subjects: Readonly<Record<string, { readonly rounds: readonly Round[] }>>
}

export type Result = {
  /** `peers` of bench:peers, `inside` of bench, `soak` of soak. */
  readonly kind: 'peers' | 'inside' | 'soak'
  readonly environment: Environment
  /** The versions of what was measured beside. */
  readonly versions: Readonly<Record<string, string>>
  /** What was left out, and why. */
  readonly leftOut: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string | number>>
  readonly workloads: readonly WorkloadResult[]
  /** What a soak has looked at, now and then, and what was wrong in the end. Only there for whoever reads the file. */
  readonly samples?: readonly object[]
  readonly faults?: readonly string[]
}

export function writeResult(file: string, result: Result): void {
  writeFileSync(file, resultText(result))
}

/** JSON with a line for each subject of a workload, so that a diff can be read. */
export function resultText(result: Result): string {
  const shallow = JSON.stringify(result, (name, value: unknown) => (name === 'rounds' || name === 'samples' ? JSON.stringify(value) : value), 2)
  // The rounds and samples have become texts: they are taken out of their quotes again.
  return `${shallow.replace(/"(rounds|samples)": ("(?:[^"\\]|\\.)*")/g, (_, name: string, text: string) => `"${name}": ${String(JSON.parse(text))}`)}\n`
}

/** Throws with the name of the file and of what is wrong in it. */
export function readResult(file: string): Result {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new Error(`${file} cannot be read`)
  }
  return parseResult(text, file)
}

export function parseResult(text: string, file: string): Result {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch {
    throw new Error(`${file} is not JSON`)
  }
  const at = reader(file, root)
  return {
    kind: at.get('kind').oneOf('peers', 'inside', 'soak'),
    environment: environmentOf(at.get('environment')),
    versions: at.get('versions').map((value) => value.text()),
    leftOut: at.get('leftOut').map((value) => value.text()),
    options: at.get('options').map((value) => (value.isNumber() ? value.number() : value.text())),
    workloads: at.get('workloads').list(workloadOf),
  }
}

function environmentOf(at: Reader): Environment {
  const text = (name: string): string => at.get(name).text()
  const number = (name: string): number => at.get(name).number()
  return { date: text('date'), commit: text('commit'), kernel: text('kernel'), congestion: at.find('congestion')?.text() ?? 'unknown', cpu: text('cpu'), cores: number('cores'), memoryGiB: number('memoryGiB'), node: text('node') }
}

function workloadOf(at: Reader): WorkloadResult {
  const costUnit = at.find('costUnit')?.text()
  return {
    name: at.get('name').text(),
    title: at.get('title').text(),
    unit: at.get('unit').text(),
    better: at.get('better').oneOf('more', 'less'),
    ...(costUnit === undefined ? {} : { costUnit }),
    subjects: at.get('subjects').map((subject) => ({ rounds: subject.get('rounds').list(roundOf) })),
  }
}

function roundOf(at: Reader): Round {
  const others = (['cost', 'p50Us', 'p99Us', 'p999Us', 'lostPercent', 'failed', 'answeredPercent', 'bulkBytesPerSecond'] as const).flatMap((name) => {
    const value = at.find(name)?.number()
    return value === undefined ? [] : [[name, value] as const]
  })
  return { value: at.get('value').number(), ...Object.fromEntries(others) }
}

type Reader = {
  get(name: string): Reader
  find(name: string): Reader | undefined
  isNumber(): boolean
  number(): number
  text(): string
  oneOf<T extends string>(...known: readonly T[]): T
  list<T>(each: (at: Reader) => T): readonly T[]
  map<T>(each: (at: Reader) => T): Readonly<Record<string, T>>
}

/** Reads what may be anything; `path` is for the error. */
function reader(path: string, value: unknown): Reader {
  const wrong = (expected: string): never => {
    throw new Error(`${path} must be ${expected}`)
  }
  const fields = (): readonly (readonly [string, unknown])[] => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : wrong('an object'))
  const find = (name: string): Reader | undefined => {
    const found = fields().find(([key]) => key === name)
    return found === undefined ? undefined : reader(`${path}: ${name}`, found[1])
  }
  return {
    find,
    get: (name) => find(name) ?? wrong(`an object with ${name}`),
    isNumber: () => typeof value === 'number',
    number: () => (typeof value === 'number' ? value : wrong('a number')),
    text: () => (typeof value === 'string' ? value : wrong('a text')),
    oneOf: (...known) => known.find((one) => one === value) ?? wrong(`one of ${known.join(', ')}`),
    list: (each) => (Array.isArray(value) ? value.map((one: unknown, i) => each(reader(`${path}[${i}]`, one))) : wrong('a list')),
    map: (each) => Object.fromEntries(fields().map(([name, one]) => [name, each(reader(`${path}: ${name}`, one))])),
  }
}
