/** Real programs for the interop tests: found on the PATH or refused with the package that has them; never left running. */
import { spawn } from 'node:child_process'
import { createHash, createCipheriv, randomBytes } from 'node:crypto'
import { accessSync, constants, createWriteStream, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { plainEnv } from './child.ts'

/** The path of a program; throws with the Debian package to install. */
export function program(name: string, debianPackage: string, folders: readonly string[] = []): string {
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${name} is not installed: apt-get install ${debianPackage}`)
}

/** The folders of the installed PostgreSQL versions, newest first. */
export function postgresFolders(): string[] {
  const base = '/usr/lib/postgresql'
  try {
    return readdirSync(base).sort((a, b) => Number(b) - Number(a)).map((version) => join(base, version, 'bin'))
  } catch {
    return []
  }
}

/** A folder that goes away with the scope it was made in. */
export function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-'))
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Writes a file of bytes that do not repeat, and gives its SHA-256. */
export async function randomFile(path: string, size: number): Promise<string> {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
  const zeros = Buffer.alloc(1 << 20)
  const hash = createHash('sha256')
  const file = createWriteStream(path)
  for (let left = size; left > 0; left -= zeros.length) {
    const block = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)))
    hash.update(block)
    if (!file.write(block)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
  return hash.digest('hex')
}

export type Digest = { readonly sha256: string; readonly bytes: number; readonly stderr: string }

/**
 * Runs a program and digests what it prints, which may be larger than memory. `input` is written to it; its standard input is
 * then closed, or kept open until its output has ended (for programs that take the end of input for "hang up").
 */
export async function digestOf(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly keepOpen?: boolean; readonly skip?: (start: Buffer) => number } = {},
): Promise<Digest> {
  const running = spawn(command, args, { env: plainEnv(), stdio: ['pipe', 'pipe', 'pipe'] })
  let stderr = ''
  running.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  running.stdin.on('error', () => undefined)
  running.stdin.write(options.input ?? '')
  if (options.keepOpen !== true) running.stdin.end()
  const hash = createHash('sha256')
  let bytes = 0
  let start: Buffer | undefined = options.skip === undefined ? undefined : Buffer.alloc(0)
  running.stdout.on('data', (chunk: Buffer) => {
    let rest = chunk
    if (start !== undefined && options.skip !== undefined) {
      start = Buffer.concat([start, chunk])
      const at = options.skip(start)
      if (at < 0) return
      rest = start.subarray(at)
      start = undefined
    }
    hash.update(rest)
    bytes += rest.length
  })
  running.stdout.once('end', () => running.stdin.end())
  const code = await new Promise<number | null>((resolve, reject) => {
    running.once('error', reject)
    running.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}: ${stderr}`)
  return { sha256: hash.digest('hex'), bytes, stderr }
}
