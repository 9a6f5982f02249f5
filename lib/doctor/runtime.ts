/** Node and the addon: without them nothing runs. */
import type { Facts } from './facts.ts'
import { isUnseen } from './facts.ts'
import type { Finding } from './finding.ts'
import { fail, ok } from './finding.ts'

const least = [20, 19] as const

export function runtime({ nodeVersion, probe }: Facts): readonly Finding[] {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number)
  const recent = major > least[0] || (major === least[0] && minor >= least[1])
  const needed = `${least[0]}.${least[1]}`
  return [
    recent
      ? ok('node', `${nodeVersion}, ${needed} or newer is needed`)
      : fail('node', `${nodeVersion}, ${needed} or newer is needed`, 'what is older has no way to load parts of this program', { mend: ['nvm install 24'], last: ['nvm alias default 24'] }),
    isUnseen(probe)
      ? fail('addon', probe.unseen, 'no relay can run', { mend: ['npm rebuild millrace   # in a clone: npm run build:addon'] })
      : ok('addon', 'loads'),
  ]
}
