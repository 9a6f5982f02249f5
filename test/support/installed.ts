/** Whether a program is on the PATH; a test that needs one that is not says so and shows nothing. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export function installed(program: string): boolean {
  for (const folder of `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':')) {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      // the next folder
    }
  }
  console.log(`      (${program} is not installed: not shown here)`)
  return false
}
