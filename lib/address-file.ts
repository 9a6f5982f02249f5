/** Files of networks: what `allow`, `deny`, `remoteAddress` and `proxyProtocol` take beside CIDRs, how such a file is read, and how it is watched. */
import { readFile, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { parseCidr, parseCidrs } from './address.ts'
import { misuse, safely, systemError } from './errors.ts'
import { shown } from './options.ts'
import { afterMs } from './resolve.ts'

/** A file of networks, made by `file`. */
export type AddressFile = { readonly role: 'file'; readonly path: string }

/**
 * The networks of a file, wherever CIDRs are expected: `allow(file('/etc/millrace/allowed.txt'), '127.0.0.0/8')`. A line has one CIDR or address; `#` begins a comment. At most 16 MiB.
 *
 * `serve` reads it, and fails where a line is wrong or there is no such file. Then it is looked at once a second, by stat(2), so it may be replaced by renaming or behind a symbolic link too, and read
 * again when it has changed and then stood still for a second. The new networks hold for all loops, for what begins from then on: open sessions and flows are left alone, but where a `route`
 * decides about each datagram by its bytes, each is asked about anew. Where the file is gone or has a wrong line, the old networks stay. Either is told as a notice, `fileChanged` or `fileUnusable`.
 * Each of several `--workers` reads it for itself. A path that is not absolute begins where the process was when it was read. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function file(path: string): AddressFile {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return { role: 'file', path }
  throw misuse('ERR_MILLRACE_BAD_OPTION', 'file', `expected a path such as "/etc/millrace/allowed.txt", not ${shown(path)}`)
}

/** CIDRs, and the files of others; `files` only where there are some. */
export type GivenNetworks = { readonly cidrs: readonly string[]; readonly files?: readonly string[] }

/** At least one network or file, and all of them as `explain` shows them. Throws ERR_MILLRACE_BAD_CIDR and, for none, ERR_MILLRACE_BAD_OPTION. */
export function parseNetworks(node: string, given: readonly unknown[]): { readonly networks: GivenNetworks; readonly shows: string } {
  const files = given.flatMap((one) => (isAddressFile(one) ? [one.path] : []))
  const named = given.filter((one) => !isAddressFile(one))
  const cidrs = named.length === 0 && files.length > 0 ? [] : parseCidrs(node, named)
  return { networks: files.length === 0 ? { cidrs } : { cidrs, files }, shows: [...cidrs, ...files.map((path) => `file ${path}`)].join(', ') }
}

function isAddressFile(value: unknown): value is AddressFile {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'file'
}

const mostBytes = 16_777_216

/** Rejects with ERR_MILLRACE_BAD_CIDR, which names file and line, and with what the kernel says. */
export async function readNetworks(path: string): Promise<readonly string[]> {
  return networksIn(path, await textOf(path))
}

function networksIn(path: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, i) => {
    const one = line.replace(/#.*/, '').trim()
    return one === '' ? [] : parseCidr(`${path}:${i + 1}`, one)
  })
}

async function textOf(path: string): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw misuse('ERR_MILLRACE_BAD_OPTION', 'file', `${path} is not a file`)
    if (found.size > mostBytes) throw misuse('ERR_MILLRACE_BAD_OPTION', 'file', `${path} has ${found.size} bytes, and ${mostBytes} are the most`)
    return await readFile(path, 'utf8')
  } catch (error) {
    throw systemError(error, 'file')
  }
}

/** What a look at the file tells without reading it; the same where there is none. */
async function identityOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  return found === undefined ? 'none' : [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ')
}

/** What `watchNetworks` needs and tells. */
export type FileWatch = {
  /** What it had when it was read first. */
  readonly known: readonly string[]
  readonly onNetworks: (cidrs: readonly string[]) => void
  /** Of each failure once, until it is another one or over. */
  readonly onFailure: (message: string) => void
  /** Calls the function after so many milliseconds and returns what calls it off; a timer that keeps no process alive. */
  readonly schedule?: (act: () => void, ms: number) => () => void
}

const lookAgainMs = 1_000

/** Looks at the file now and then, until the returned function is called. */
export function watchNetworks(path: string, { known, onNetworks, onFailure, schedule = afterMs }: FileWatch): () => void {
  let stopped = false
  let callOff: () => void = () => undefined
  let [seen, read, failure]: [string?, string?, string?] = []
  let networks = known

  const take = async (identity: string): Promise<void> => {
    const text = await textOf(path)
    if ((await identityOf(path)) !== identity || stopped) return // somebody is writing to it
    read = identity
    const found = networksIn(path, text)
    const isKnown = failure === undefined && isDeepStrictEqual(found, networks)
    failure = undefined
    networks = found
    if (!isKnown) onNetworks(found)
  }
  const fail = (error: unknown): void => {
    const message = safely(() => (error instanceof Error ? error.message : String(error)))
    if (message !== failure && !stopped) onFailure(message)
    failure = message
  }
  const look = async (): Promise<void> => {
    const now = await identityOf(path)
    if (now === seen && now !== read) await take(now).catch(fail)
    seen = now
    if (!stopped) callOff = schedule(() => void look(), lookAgainMs)
  }

  void look()
  return () => {
    stopped = true
    callOff()
  }
}
