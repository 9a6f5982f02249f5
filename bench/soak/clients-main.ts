/**
 * `clients-main.ts PORT SEED LIFE_SECONDS`: all TCP clients of the soak. SIGTERM ends it: nothing is begun any more, what is under way has ten seconds to come to
 * its end, and what is left then is reset.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as elapse } from 'node:timers/promises'
import { random } from '../../test/support/seeded.ts'
import { chooseTask, mixture, taskKinds } from './choose-task.ts'
import type { TaskKind } from './choose-task.ts'
import { perform } from './client.ts'
import { faultTeller, say } from './sockets.ts'

const [port = 0, seed = 0, lifeSeconds = 0] = process.argv.slice(2).map(Number)
const endMs = 10_000
const fault = faultTeller()
const done = Object.fromEntries(taskKinds.map((kind) => [kind, 0]))
let [bytes, endedFirst, faults] = [0, 0, 0]
const [stopping, cut] = [new AbortController(), new AbortController()]

/** One after the other, each with chances of its own, so that the times at which they end change nothing. */
async function repeat(kind: TaskKind, place: number): Promise<void> {
  const chances = random(seed, taskKinds.indexOf(kind), place)
  while (!stopping.signal.aborted) {
    const task = chooseTask(kind, chances)
    const outcome = await perform(task, port, cut.signal)
    done[kind] = (done[kind] ?? 0) + 1
    bytes += outcome.received + task.up
    if (outcome.fault !== undefined) {
      faults++
      fault(`${kind}, ${outcome.fault}`)
    } else if (task.serverEndsFirst && !cut.signal.aborted) endedFirst++
    await elapse(chances.below(mixture[kind].pauseMs), undefined, { signal: stopping.signal }).catch(() => undefined)
  }
}

setMaxListeners(0, stopping.signal, cut.signal) // one for each connection
const stats = (type: string): void => say({ type, done, bytes, endedFirst, faults, cut: cut.signal.aborted })
setInterval(() => stats('stats'), 1000).unref()
setTimeout(() => process.exit(1), 1000 * lifeSeconds).unref()
process.once('SIGTERM', () => {
  stopping.abort()
  setTimeout(() => cut.abort(), endMs).unref()
})
await Promise.all(taskKinds.flatMap((kind) => Array.from({ length: mixture[kind].atOnce }, (_, place) => repeat(kind, place))))
stats('summary')
