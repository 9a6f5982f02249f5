/** What this process holds of memory, and the kernel of objects, in bytes; 0 where it does not say. */
import { readFileSync } from 'node:fs'
import { isUnseen, namedNumber } from './facts.ts'

export function bytesIn(): { readonly user: number; readonly kernel: number } {
  return { user: kilobytes('/proc/self/status', 'VmRSS'), kernel: kilobytes('/proc/meminfo', 'Slab') }
}

function kilobytes(path: string, name: string): number {
  const found = namedNumber({ read: (file) => readFileSync(file, 'utf8') }, path, name)
  return isUnseen(found) ? 0 : found * 1024
}
