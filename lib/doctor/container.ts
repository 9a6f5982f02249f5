/** What a container or a service may have of memory and threads. */
import type { Controller } from './cgroup.ts'
import { cgroupLimit } from './cgroup.ts'
import { knownKernelBytesPerFlow, knownUserBytesPerFlow, maxFlows, maxPendingBytes } from './asked.ts'
import type { Facts, Unseen } from './facts.ts'
import { isUnseen, namedNumber, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { fail, ok, skip, warn } from './finding.ts'
import { bytesText, many, numberText } from './text.ts'

/** Node itself. */
const ownBytes = 100 * 1024 * 1024
/** Node's threads and those of loops. */
const ownThreads = 32

/** In whole mebibytes. */
const needed = 2 ** 20 * Math.ceil((ownBytes + maxPendingBytes + maxFlows * (knownUserBytesPerFlow + knownKernelBytesPerFlow)) / 2 ** 20)

const step = 64 * 1024 * 1024

/** Version 1 says "no limit" by a number of pages next to 2^63. */
const memoryController: Controller = {
  name: 'memory',
  v2: 'memory.max',
  v1: 'memory.limit_in_bytes',
  parse: (text) => (text === 'max' || Number(text) > 2 ** 60 ? Infinity : Number(text)),
}

/** What is left of it: its files that nobody reads any more are given back first, so they are not in use. */
function memoryLeft(facts: Facts): Controller {
  return { ...memoryController, parse: (text, folder) => memoryController.parse(text, folder) - (memoryController.parse(text, folder) === Infinity ? 0 : memoryUsed(facts, folder)) }
}

function memoryUsed(facts: Facts, folder: string): number {
  const used = ['memory.current', 'memory.usage_in_bytes'].map((name) => numberAt(facts, `${folder}/${name}`)).find((value) => !isUnseen(value)) ?? 0
  const files = ['inactive_file', 'total_inactive_file'].map((name) => namedNumber(facts, `${folder}/memory.stat`, name)).filter((value) => !isUnseen(value)).at(-1) ?? 0
  return isUnseen(used) || isUnseen(files) ? 0 : Math.max(0, used - files)
}

const pidsController: Controller = { name: 'pids', v2: 'pids.max', v1: 'pids.max', parse: (text) => (text === 'max' ? Infinity : Number(text)) }

export function container(facts: Facts): readonly Finding[] {
  return [memoryLimit(facts), threadLimit(facts)]
}

/** What is free for this process: of the machine, or of its cgroup if that is less. */
export function memoryRoom(facts: Facts): number | Unseen {
  const free = namedNumber(facts, '/proc/meminfo', 'MemAvailable')
  const limit = cgroupLimit(facts, memoryLeft(facts))
  if (isUnseen(free)) return free
  return Math.min(free * 1024, isUnseen(limit) ? Infinity : limit.value)
}

function memoryLimit(facts: Facts): Finding {
  const [limit, free] = [cgroupLimit(facts, memoryLeft(facts)), namedNumber(facts, '/proc/meminfo', 'MemAvailable')]
  if (isUnseen(free)) return skip('memory', free.unseen)
  const freeBytes = free * 1024
  const unseen = isUnseen(limit) ? `; a cgroup's limit is not visible: ${limit.unseen}` : ''
  const value = isUnseen(limit) ? Infinity : limit.value
  const used = isUnseen(limit) || value === Infinity ? 0 : memoryUsed(facts, limit.file.slice(0, limit.file.lastIndexOf('/')))
  // Use goes up and down; one more step of room, or what is typed is too little a moment later.
  const wanted = used === 0 ? needed : step * Math.ceil((needed + used) / step + 0.5)
  const found = `${bytesText(freeBytes)} free${value === Infinity ? (unseen === '' ? ', no cgroup limit' : unseen) : `, this cgroup may use ${bytesText(value + used)}${used === 0 ? '' : `, ${bytesText(used)} of it in use`}`}; ${numberText(maxFlows)} flows and all that may be pending take ${bytesText(needed)}`
  if (Math.min(freeBytes, value) >= needed) return unseen === '' ? ok('memory', found) : skip('memory', found)
  const cost = 'the kernel ends the relay, and all its sessions, when it is used up'
  if (isUnseen(limit) || value >= needed) return warn('memory', found, cost, { mend: ['# end other programs, or lower maxFlows and maxPendingBytes'] })
  return warn('memory', found, cost, { mend: [`echo ${wanted} > ${limit.file}`], last: [`systemctl set-property millrace.service MemoryMax=${wanted}   # of a container: docker update --memory ${wanted} NAME`] })
}

function threadLimit(facts: Facts): Finding {
  const limit = cgroupLimit(facts, pidsController)
  if (isUnseen(limit)) return skip('threads', limit.unseen)
  if (limit.value === Infinity) return ok('threads', 'no cgroup limit (pids.max)')
  const used = numberAt(facts, limit.file.replace(/max$/, 'current'))
  const left = limit.value - (isUnseen(used) ? 0 : used)
  const found = `this cgroup may have ${many(limit.value, 'thread')}, ${isUnseen(used) ? 'how many it has is not visible' : `${numberText(used)} are there`}`
  if (left >= ownThreads) return ok('threads', found)
  const mend = { mend: [`echo max > ${limit.file}`], last: ['systemctl set-property millrace.service TasksMax=infinity   # of a container: docker update --pids-limit -1 NAME'] }
  return left < 1 ? fail('threads', found, 'no loop can start', mend) : warn('threads', found, `${many(left, 'more loop')} or less can start; where none can, serving fails`, mend)
}
