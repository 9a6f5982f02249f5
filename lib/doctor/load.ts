/** `--for`: what a load needs of this machine, resource by resource, and whether it is there. Pure: measuring is done before. */
import type { Facts } from './facts.ts'
import type { Measured } from './measure.ts'
import { coresFor } from './need/cores.ts'
import { descriptorsFor } from './need/descriptors.ts'
import { bufferFor, conntrackFor, portsFor } from './need/kernel.ts'
import { memoryFor } from './need/memory.ts'
import type { Load, Need } from './need/need.ts'
import { wireFor } from './need/wire.ts'

export function planFor(load: Load, facts: Facts, measured: Measured): readonly Need[] {
  return [
    wireFor(load, facts),
    ...coresFor(load, facts, measured),
    descriptorsFor(load, facts),
    portsFor(load, facts),
    memoryFor(load, facts, measured),
    bufferFor(load, facts),
    ...conntrackFor(load, facts),
  ]
}
