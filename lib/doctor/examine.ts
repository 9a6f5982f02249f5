/** All checks of `millrace doctor`, in the order in which they are told. */
import { accepts } from './accepts.ts'
import { buffers } from './buffers.ts'
import { conntrack } from './conntrack.ts'
import { container } from './container.ts'
import { cpus } from './cpus.ts'
import { descriptors } from './descriptors.ts'
import type { Facts } from './facts.ts'
import { features } from './features.ts'
import type { Finding } from './finding.ts'
import { memory } from './memory.ts'
import { offload } from './offload.ts'
import { ports } from './ports.ts'
import { queues } from './queues.ts'
import { runtime } from './runtime.ts'
import { softnet } from './softnet.ts'

const checks = [runtime, descriptors, buffers, accepts, ports, conntrack, features, memory, container, cpus, softnet, queues, offload]

export function examine(facts: Facts): readonly Finding[] {
  return checks.flatMap((check) => check(facts))
}
