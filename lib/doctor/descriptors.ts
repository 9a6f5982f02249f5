/**
 * Descriptors: a TCP session holds two, a UDP flow one. Node raises its soft limit to the hard one as it starts, so the hard one counts
 * (RLIMIT_NOFILE in getrlimit(2)); none can be above fs.nr_open, and all processes together have fs.file-max.
 */
import { maxFlows, ownDescriptors } from './asked.ts'
import type { Facts, Unseen } from './facts.ts'
import { hasCapability, isUnseen, numberAt, numbersAt } from './facts.ts'
import type { Finding, Mend } from './finding.ts'
import { fail, ok, skip, sysctl, warn } from './finding.ts'
import { many, numberText } from './text.ts'

/** So that a UDP listener can have its flows by default, and TCP as many sessions. */
const enough = 2 * maxFlows + ownDescriptors
const wished = 1_048_576
/** What fs.nr_open can be on 64 bits: sysctl_nr_open_max in fs/file.c, INT_MAX or what pointers in SIZE_MAX bytes allow, rounded down to 64. */
export const mostDescriptors = 1_073_741_816

export function descriptors(facts: Facts): readonly Finding[] {
  return [limit(facts), table(facts)]
}

/** The hard limit of this process, Infinity for `unlimited`. */
export function hardLimit({ read }: Pick<Facts, 'read'>): number | Unseen {
  const limits = read('/proc/self/limits')
  if (isUnseen(limits)) return limits
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1]
  if (hard === undefined) return { unseen: '/proc/self/limits has no "Max open files"' }
  return hard === 'unlimited' ? Infinity : Number(hard)
}

function limit(facts: Facts): Finding {
  const hard = hardLimit(facts)
  if (isUnseen(hard)) return skip('descriptors', hard.unseen)
  const free = Math.max(0, hard - ownDescriptors)
  const found = `the limit of a process is ${numberText(hard)}: ${many(free / 2, 'TCP session')} or ${many(free, 'UDP flow')}`
  if (hard >= enough) return ok('descriptors', found)
  const cost = `accepting pauses when they are used up, and a new flow takes the place of an old one; ${numberText(enough)} are enough for ${numberText(maxFlows)} of either`
  return free < 2 ? fail('descriptors', found, 'not one session fits', raise(facts)) : warn('descriptors', found, cost, raise(facts))
}

/** The command for processes of the shell it is typed in; or, where its root may not, for whatever starts it. */
export function raise(facts: Facts, wanted = wished): Mend {
  const ceiling = numberAt(facts, '/proc/sys/fs/nr_open')
  const higher: Mend = !isUnseen(ceiling) && ceiling < wanted ? sysctl({ 'fs.nr_open': wanted }) : {}
  const own = bound(facts)
    ? `docker run --ulimit nofile=${wanted}:${wanted} ...   # or what else started this: root has no CAP_SYS_RESOURCE here and cannot raise it`
    : `prlimit --pid $$ --nofile=${wanted}:${wanted}`
  return {
    mend: [...(higher.mend ?? []), own],
    last: [
      ...(higher.last ?? []),
      `mkdir -p /etc/systemd/system/millrace.service.d && printf '[Service]\\nLimitNOFILE=${wanted}\\n' > /etc/systemd/system/millrace.service.d/descriptors.conf && systemctl daemon-reload`,
    ],
  }
}

/** CAP_SYS_RESOURCE. */
const sysResource = 24n

/** Whether this is root, and may nevertheless not raise a hard limit, as in most containers. */
function bound(facts: Facts): boolean {
  const status = facts.read('/proc/self/status')
  return !isUnseen(status) && /^Uid:\s+0\s/m.test(status) && hasCapability(facts, sysResource) === false
}

/** Of the whole machine. */
function table(facts: Facts): Finding {
  const [used, max] = [numbersAt(facts, '/proc/sys/fs/file-nr'), numberAt(facts, '/proc/sys/fs/file-max')]
  if (isUnseen(used)) return skip('open-files', used.unseen)
  if (isUnseen(max)) return skip('open-files', max.unseen)
  const left = max - (used[0] ?? 0)
  const found = `fs.file-max ${numberText(max)} for all processes, ${numberText(used[0] ?? 0)} in use`
  return left >= enough
    ? ok('open-files', found)
    : warn('open-files', found, `room for ${many(left / 2, 'more TCP session')}; then accept fails for everybody (ENFILE) and listeners pause`, sysctl({ 'fs.file-max': wished * 2 }))
}
