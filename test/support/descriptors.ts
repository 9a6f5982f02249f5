/**
 * What this process holds open, from /proc/self/fd. Sockets are told apart by inode, so a leak is seen even where another
 * descriptor was closed meanwhile. Files are left out: the module loader opens them when it likes.
 */
import { readdirSync, readlinkSync } from 'node:fs'

export type Descriptors = ReadonlyMap<string, number>

export function descriptors(): Descriptors {
  const held = new Map<string, number>()
  for (const name of readdirSync('/proc/self/fd')) {
    const target = targetOf(name)
    if (/^(socket|pipe|anon_inode):/.test(target)) held.set(target, (held.get(target) ?? 0) + 1)
  }
  return held
}

/** What is open now and was not then, `socket:[123]` or `anon_inode:[eventpoll]`. */
export function openedSince(before: Descriptors): string[] {
  return [...descriptors()].filter(([target, count]) => count > (before.get(target) ?? 0)).map(([target]) => target)
}

function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return '' // the descriptor with which the folder was listed
  }
}
