/** This machine, as far as it lets itself be read. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { safely } from '../errors.ts'
import { loadNative } from '../native.ts'
import type { NativeProbe } from '../native.ts'
import { exampleDatagramBytes, pipeBytes, receiveBufferBytes, sendBufferBytes } from './asked.ts'
import { searchPath } from '../search-path.ts'
import type { Facts, Nft, Unseen } from './facts.ts'

/** The probe comes first: whether its datagrams are tracked is read from the files afterwards. */
export async function thisMachine(): Promise<Facts> {
  const probe = probeWith(exampleDatagramBytes)
  const nft = await ruleset()
  return {
    read: (path) => seen(path, () => readFileSync(path, 'utf8')),
    list: (folder) => seen(folder, () => readdirSync(folder)),
    probe,
    nft,
    nodeVersion: process.version,
  }
}

/** What the kernel does, and what it charges for a datagram of so many bytes. */
export function probeWith(datagramBytes: number): NativeProbe | Unseen {
  try {
    return loadNative().probe({ receiveBufferBytes, sendBufferBytes, pipeBytes, datagramBytes })
  } catch (error) {
    return { unseen: `the addon cannot be loaded: ${safely(() => (error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)))}` }
  }
}

function seen<T>(path: string, look: () => T): T | Unseen {
  try {
    return look()
  } catch (error) {
    return { unseen: `${path} cannot be read: ${codeOf(error)}` }
  }
}

const run = promisify(execFile)

async function ruleset(): Promise<Nft> {
  try {
    const env = { ...process.env, PATH: searchPath() }
    const { stdout } = await run('nft', ['list', 'ruleset'], { env, timeout: 2_000, maxBuffer: 64 * 1024 * 1024 })
    return { state: 'ruleset', text: stdout }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { state: 'absent' }
    const said = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr).trim().split('\n', 1)[0] : undefined
    return { state: 'refused', why: said === undefined || said === '' ? 'no answer' : said }
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'it fails'
}
