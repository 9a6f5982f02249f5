/** Tables of this process, removed when it ends without closing them; a process that is killed leaves its own. */
import { loadSync } from './nft.ts'
import { deleteText } from './rules.ts'

const loaded = new Set<string>()

/** From before it is loaded, so that no end of the process falls between. */
export function removeAtExit(name: string): void {
  if (loaded.size === 0) process.on('exit', removeAll)
  loaded.add(name)
}

export function isRemoved(name: string): void {
  loaded.delete(name)
  if (loaded.size === 0) process.removeListener('exit', removeAll)
}

function removeAll(): void {
  try {
    loadSync(deleteText([...loaded]))
  } catch {
    // There is nobody left to tell; `millrace offload show` does.
  }
}
