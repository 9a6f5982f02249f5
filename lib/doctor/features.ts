/** What the kernel must be able to do, each tried on loopback: trains of datagrams, listeners that share a port, splice. */
import type { NativeProbe } from '../native.ts'
import { leastPipeBytes, maxPipeBytes, pipeBytes } from './asked.ts'
import type { Facts } from './facts.ts'
import { hasCapability, isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { bytesText, errnoText, many, numberText } from './text.ts'

const newerKernel = { mend: ['uname -r   # UDP_SEGMENT wants 4.18 or newer, UDP_GRO 5.0; a sandbox may refuse what the kernel has'] }

export function features(facts: Facts): readonly Finding[] {
  const { probe } = facts
  if (isUnseen(probe)) return ['trains', 'reuse-port', 'splice'].map((check) => skip(check, probe.unseen))
  return [trains(probe), reusePort(probe), splice(facts, probe)]
}

/** ENETUNREACH, and ETIMEDOUT of what was sent and never came: loopback is down, as in a network namespace that is new. */
const loopbackDown = [-101, -110]

function trains({ segmentedSend: sent, trainReceived: came, trainDatagrams: length }: NativeProbe): Finding {
  if (loopbackDown.includes(sent) || loopbackDown.includes(came)) return skip('trains', 'nothing comes over loopback, is it down? ip link set lo up')
  if (sent < 0) return warn('trains', `a UDP_SEGMENT send is refused: ${errnoText(sent)}`, 'each datagram of a burst is a send of its own: several times the CPU for each', newerKernel)
  if (came < 0) return warn('trains', `UDP_GRO does not work: ${errnoText(came)}`, 'each datagram of a burst is received by itself: several times the CPU for each', newerKernel)
  const found = `${length} datagrams sent as one (UDP_SEGMENT) came in ${came === length ? 'as one (UDP_GRO)' : `with ${came} in the first read`}`
  return came === length ? ok('trains', found) : warn('trains', found, 'trains are cut before they are received: several times the CPU for each datagram', newerKernel)
}

function reusePort({ reusePort: result }: NativeProbe): Finding {
  return result === 0
    ? ok('reuse-port', 'two sockets are bound to one port (SO_REUSEPORT)')
    : warn('reuse-port', `two sockets cannot be bound to one port: ${errnoText(result)}`, 'one loop for all sessions of a listener: no shards', { mend: ['uname -r   # SO_REUSEPORT wants 3.9 or newer; a sandbox may refuse what the kernel has'] })
}

/** CAP_SYS_ADMIN and CAP_SYS_RESOURCE: with either of them pipe-user-pages-soft does not count, see pipe(7). */
const exempt = [21n, 24n]

/** A loop keeps a pipe for each direction whose reader is slow, as long as there is another one for who comes next. */
function splice(facts: Facts, { pipeBytes: given, spliced, pageBytes }: NativeProbe): Finding {
  const [most, userPages] = [numberAt(facts, '/proc/sys/fs/pipe-max-size'), numberAt(facts, '/proc/sys/fs/pipe-user-pages-soft')]
  const cost = 'bulk TCP is copied through user space: several times the CPU a byte'
  if (given < 0) return warn('splice', 'the kernel gives no pipe', cost, raised)
  if (spliced < 0) return warn('splice', `refused: ${errnoText(spliced)}`, cost, { mend: ['uname -r   # a sandbox may refuse what the kernel has'] })
  const free = exempt.some((capability) => hasCapability(facts, capability) === true)
  const forUser = isUnseen(userPages) ? undefined : userPages === 0 ? Infinity : (userPages * pageBytes) / given
  const limitText = forUser === undefined ? 'fs.pipe-user-pages-soft is not visible' : forUser === Infinity ? 'any number for a user' : `${many(forUser, 'pipe')} for a user without privileges (fs.pipe-user-pages-soft)`
  const wanted = Math.floor(maxPipeBytes / given)
  const found = `works; a pipe gets ${bytesText(given)} of ${bytesText(pipeBytes)}${isUnseen(most) ? '' : ` (fs.pipe-max-size ${numberText(most)})`}, a loop has up to ${wanted}; ${limitText}`
  if (given < pipeBytes) return warn('splice', found, given < leastPipeBytes ? cost : 'bulk TCP takes more turns of the loop', raised)
  if (forUser === undefined || forUser >= wanted || free) return ok('splice', found)
  return warn('splice', found, `bulk TCP to more than ${many(Math.max(0, forUser - 1), 'slow reader')} is copied through user space: several times the CPU a byte`, raised)
}

const raised = sysctl({ 'fs.pipe-max-size': pipeBytes, 'fs.pipe-user-pages-soft': 16_384 })
