/** The addon for those who use it. */
import { RelayError } from './errors.ts'
import { loadNative } from './native.ts'
import type { Native } from './native.ts'

/** Throws ERR_MILLRACE_NO_ADDON where it is not built. */
export function addonFor(node: string): Native {
  try {
    return loadNative()
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    throw new RelayError(`${node}: the addon cannot be loaded, build it with "npm run build:addon": ${why}`, { code: 'ERR_MILLRACE_NO_ADDON', node }, error)
  }
}
