/** strace(1) on one thread of a running relay: to make its system calls fail, or to see which it makes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, plainEnv } from './child.ts'
import { program, temporaryFolder } from './programs.ts'

export type Strace = {
  /** The calls traced so far, one a line. */
  calls(): string[]
  /** Lets go of the thread, which runs on. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Attaches to a thread, and only to it: calls are counted from now on, so `when=1` is its next one. Faults are written as strace
 * wants them, `recvfrom:error=EIO:when=1`. The kernel does not run a call that is made to fail.
 */
export async function strace(tid: number, trace: readonly string[], faults: readonly string[] = []): Promise<Strace> {
  const folder = temporaryFolder()
  const log = join(folder.path, 'calls')
  const args = ['-o', log, '-s', '0', '-e', `trace=${trace.join(',')}`, ...faults.flatMap((fault) => ['-e', `inject=${fault}`]), '-p', String(tid)]
  const tracer = child(program('strace', 'strace'), args, { env: plainEnv() })
  await tracer.line(/attached/)
  return {
    calls: () => readFileSync(log, 'utf8').split('\n'),
    async [Symbol.asyncDispose]() {
      tracer.kill('SIGINT')
      await tracer.exited
      folder[Symbol.dispose]()
    },
  }
}

/** How many calls have been made to fail. */
export const injected = (trace: Strace): number => trace.calls().filter((text) => text.includes('(INJECTED)')).length
