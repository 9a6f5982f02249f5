/** `flows-child.ts THREAD TRANSPORT SEED FIRST COUNT`: smaller flows through a relay in this process, for the shim to disturb. Prints the outcome. */
import { relayFlows } from './relay-flows.ts'

const [, , thread, transport, seed, first, count] = process.argv
const sizes = { usuallyBytes: 2 ** 20, mostBytes: 8 * 2 ** 20, largeShare: 0.02 }
const { flows, mismatches } = await relayFlows(thread === 'own' ? 'own' : 'embedded', Number(seed), Number(first), Number(count), sizes, {
  transport: transport === 'splice' ? 'splice' : 'auto',
  ioUring: false,  // whose calls no shim sees
})
console.log([`${flows} flows, ${mismatches.length} mismatches`, ...mismatches].join('\n'))
