/** A descriptor for each flow, and those of the process itself, its listener among them. */
import { ownDescriptors } from '../asked.ts'
import { hardLimit, mostDescriptors, raise } from '../descriptors.ts'
import type { Facts } from '../facts.ts'
import { isUnseen, numberAt } from '../facts.ts'
import type { Load, Need } from './need.ts'
import { verdictOn } from './need.ts'
import { many, numberText } from '../text.ts'

export function descriptorsFor(load: Load, facts: Facts): Need {
  const needed = load.flows + ownDescriptors
  const hard = hardLimit(facts)
  const ceiling = numberAt(facts, '/proc/sys/fs/nr_open')
  const verdict = verdictOn(needed, isUnseen(hard) ? undefined : hard)
  const have = isUnseen(hard) ? 'the limit is not visible' : `a process may have ${numberText(hard)}${isUnseen(ceiling) ? '' : ` and could have ${numberText(ceiling)} (fs.nr_open)`}`
  const text = `${numberText(needed)} for ${many(load.flows, 'flow')} and the process itself; ${have}`
  const result = { resource: 'descriptors', verdict, text, needed, ...(isUnseen(hard) ? {} : { available: hard }) }
  if (verdict !== 'short' || isUnseen(hard)) return result
  const processes = hard > ownDescriptors ? Math.ceil(load.flows / (hard - ownDescriptors)) : Infinity
  const wanted = Math.min(mostDescriptors, Math.max(1_048_576, 2 ** Math.ceil(Math.log2(needed))))
  const higher = needed > mostDescriptors ? [] : (raise(facts, wanted).mend ?? [])
  const several = processes === Infinity ? [] : [`${many(processes, 'process', 'processes')} with a part of the flows each`]
  return { ...result, todo: [...higher, ...several.map((text) => (higher.length === 0 ? text : `or ${text}`))] }
}
