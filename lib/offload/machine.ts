/** What this machine is set to: its addresses, and the settings that forwarding needs. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { OffloadPlan } from './plan.ts'
import { lacking } from './nft.ts'
import type { Machine, Sysctl, Upstream } from './routes.ts'
import { sysctls, sysctlsFor } from './routes.ts'

export function thisMachine(): Machine {
  return {
    own: new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))),
    isSet: (sysctl) => isSet(sysctl),
  }
}

function isSet(sysctl: Sysctl): boolean {
  try {
    return Number(readFileSync(`/proc/sys/${sysctls[sysctl].replaceAll('.', '/')}`, 'latin1')) > 0
  } catch {
    return false // A kernel without IPv6, for instance.
  }
}

const why: Readonly<Record<Sysctl, string>> = {
  forward4: 'the kernel does not forward IPv4',
  forward6: 'the kernel does not forward IPv6',
  routeLocalnet: 'the kernel lets nothing to or from 127.0.0.0/8 through to other machines (with this setting neighbours can reach what listens there)',
}

/** Throws ERR_MILLRACE_NO_OFFLOAD with the commands that mend it. */
export function checkSysctls(plan: OffloadPlan, upstreams: readonly Upstream[], machine: Machine): void {
  const missing = [...new Set(sysctlsFor(plan, upstreams))].filter((sysctl) => !machine.isSet(sysctl))
  if (missing.length === 0) return
  const commands = missing.map((sysctl) => `${sysctls[sysctl]}=1`).join(' ')
  throw lacking(`${missing.map((sysctl) => why[sysctl]).join(', and ')}: sysctl -w ${commands}`)
}
