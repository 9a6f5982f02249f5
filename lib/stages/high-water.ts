/** The stage `highWater`. */
import { checkInteger } from '../options.ts'
import type { Stage } from '../part.ts'

/**
 * Sets the pending bytes, in each direction of a session, at which its pump stops reading: 4096 to 1073741824; without it 262144.
 * It also bounds what is moved at once: through a pipe up to 1 MiB, so that bulk takes less CPU with a mark of that, and through user space up to 262144.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function highWater(bytes: number): Stage<'stream'> {
  checkInteger('highWater', '', bytes, { least: 4_096, most: 1_073_741_824, unit: 'bytes' })
  return { role: 'stage', name: 'highWater', shows: `${bytes} bytes`, body: { step: 'settings', settings: { highWaterBytes: bytes } } }
}
