/** The stage `highWater`. */
import { checkInteger } from '../options.ts'
import type { Stage } from '../part.ts'

/**
 * Sets the pending bytes, in each direction of a session, at which its pump stops reading: 4096 to 1073741824. Without it 262144, or 1048576 in a kernel pipe, where
 * they are the pages that they came in; a larger step through a pipe takes less CPU.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function highWater(bytes: number): Stage<'stream'> {
  checkInteger('highWater', '', bytes, { least: 4_096, most: 1_073_741_824, unit: 'bytes' })
  return { role: 'stage', name: 'highWater', shows: `${bytes} bytes`, body: { step: 'settings', settings: { highWaterBytes: bytes, pipedHighWaterBytes: bytes } } }
}
