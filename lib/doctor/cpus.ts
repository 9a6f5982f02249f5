/** CPUs: those of the machine, those that this process may use (sched_setaffinity(2)), how much of them (cgroup quota), and who takes them away. */
import { countIn } from '../number-list.ts'
import type { Controller } from './cgroup.ts'
import { cgroupLimit } from './cgroup.ts'
import type { Facts, Unseen } from './facts.ts'
import { isUnseen } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, warn } from './finding.ts'
import { many, trimmed } from './text.ts'

export function cpus(facts: Facts): readonly Finding[] {
  return [affinity(facts), quota(facts), governor(facts), steal(facts)]
}

/** Those that run, as a list: there may be holes in it, `0,2-3`. */
export function onlineCpus({ read }: Pick<Facts, 'read'>): string | Unseen {
  const list = read('/sys/devices/system/cpu/online')
  return isUnseen(list) ? list : list.trim()
}

/** How many CPUs this process may use, by affinity and quota. */
export function usableCpus(facts: Facts): number | Unseen {
  const list = allowedList(facts)
  if (isUnseen(list)) return list
  const limit = cgroupLimit(facts, cpuTime(facts))
  return Math.min(countIn(list), isUnseen(limit) ? Infinity : limit.value)
}

function allowedList({ read }: Pick<Facts, 'read'>): string | Unseen {
  const status = read('/proc/self/status')
  if (isUnseen(status)) return status
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]
  return list ?? { unseen: '/proc/self/status has no Cpus_allowed_list' }
}

function affinity(facts: Facts): Finding {
  const [list, online] = [allowedList(facts), onlineCpus(facts)]
  if (isUnseen(list)) return skip('cpus', list.unseen)
  if (isUnseen(online)) return skip('cpus', online.unseen)
  const allowed = countIn(list)
  const found = `${many(countIn(online), 'CPU')}, this process may run on ${list}`
  if (allowed >= countIn(online)) return ok('cpus', found)
  return warn('cpus', found, 'a loop runs on one CPU, so there are as many loops at work as CPUs', {
    mend: [`taskset -pc ${online} $$`],
    last: [`mkdir -p /etc/systemd/system/millrace.service.d && printf '[Service]\\nCPUAffinity=${online}\\n' > /etc/systemd/system/millrace.service.d/cpus.conf && systemctl daemon-reload`],
  })
}

/** As CPUs: 50000 of 100000 µs are half a one. */
function cpuTime({ read }: Facts): Controller {
  return {
    name: 'cpu',
    v2: 'cpu.max',
    v1: 'cpu.cfs_quota_us',
    parse: (text, folder) => {
      const [share = '', second] = text.split(' ')
      if (share === 'max' || Number(share) < 0) return Infinity
      const period = second ?? read(`${folder}/cpu.cfs_period_us`)
      return Number(share) / (isUnseen(period) ? 100_000 : Number(period))
    },
  }
}

function quota(facts: Facts): Finding {
  const limit = cgroupLimit(facts, cpuTime(facts))
  const allowed = allowedList(facts)
  if (isUnseen(limit)) return skip('cpu-quota', limit.unseen)
  if (limit.value === Infinity) return ok('cpu-quota', 'none')
  const found = `${trimmed(limit.value)} CPUs' worth of time (${limit.file})`
  const cost = 'a loop that has used it up stands still until the next period, up to 100 ms: what overflows a receive buffer meanwhile is lost'
  const none = limit.file.endsWith('cpu.max') ? 'max' : '-1'
  return !isUnseen(allowed) && limit.value >= countIn(allowed)
    ? ok('cpu-quota', found)
    : warn('cpu-quota', found, cost, { mend: [`echo ${none} > ${limit.file}`], last: ['systemctl set-property millrace.service CPUQuota=   # of a container: docker update --cpus 0 NAME'] })
}

function governor({ list, read }: Facts): Finding {
  const folders = list('/sys/devices/system/cpu')
  if (isUnseen(folders)) return skip('governor', folders.unseen)
  const names = folders.filter((name) => /^cpu\d+$/.test(name)).map((name) => read(`/sys/devices/system/cpu/${name}/cpufreq/scaling_governor`))
  const seen = [...new Set(names.flatMap((name) => (isUnseen(name) ? [] : [name.trim()])))]
  if (seen.length === 0) return skip('governor', 'not visible: the frequency is not for this system to choose, as in most virtual machines')
  const slow = seen.filter((name) => name !== 'performance' && name !== 'schedutil')
  if (slow.length === 0) return ok('governor', seen.join(', '))
  return warn('governor', seen.join(', '), 'a loop that was idle begins at a low clock: the first datagrams of a burst wait, and some may be lost', {
    mend: ['echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor'],
    last: [`echo 'w /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor - - - - performance' >> /etc/tmpfiles.d/millrace.conf`],
  })
}

/** The time in which a virtual CPU had work and did not run, since boot: see /proc/stat in proc(5). */
function steal({ read }: Facts): Finding {
  const stat = read('/proc/stat')
  if (isUnseen(stat)) return skip('steal', stat.unseen)
  const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, softirq = 0, stolen] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number)
  if (stolen === undefined) return skip('steal', '/proc/stat does not tell')
  const busy = user + nice + system + irq + softirq + stolen
  const percent = busy === 0 ? 0 : (100 * stolen) / busy
  const found = `${percent.toFixed(2)} % of the time in which this machine had work, since boot`
  if (percent < 1) return ok('steal', found)
  return warn('steal', found, 'the host runs others on these CPUs: a loop stands still meanwhile, what overflows a receive buffer is lost', { mend: ['# no command here mends it: ask the host for CPUs of your own'] })
}
