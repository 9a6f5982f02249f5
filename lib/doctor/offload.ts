/** What only the kernel's own forwarding needs, that is, kernel offload and notrack rules: nft(8) and the forwarding switches. A relay works without. */
import type { Facts } from './facts.ts'
import { isAbsent, isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { forwardDrops } from '../offload/surroundings.ts'
import { ok, skip, sysctl, warn } from './finding.ts'

const family = { 'net.ipv4.ip_forward': '/proc/sys/net/ipv4/ip_forward', 'net.ipv6.conf.all.forwarding': '/proc/sys/net/ipv6/conf/all/forwarding' }

export function offload(facts: Facts): readonly Finding[] {
  return [rules(facts), forwarding(facts)]
}

/** Not having it is no warning: nothing is slower for it. */
function rules({ nft }: Facts): Finding {
  switch (nft.state) {
    case 'ruleset':
      return ok('nft', `permitted${nft.text.trim() === '' ? ', no rules' : `, ${(nft.text.match(/^table /gm) ?? []).length} tables`}`)
    case 'absent':
      return skip('nft', 'not installed: no kernel offload and no notrack rules; apt-get install nftables')
    case 'refused':
      return skip('nft', `refused (${nft.why}): kernel offload and notrack rules want root, or CAP_NET_ADMIN`)
  }
}

/** `ct status dnat` is what offload has translated, both ways; and what others have. */
function forwarding(facts: Facts): Finding {
  const states = Object.entries(family).map(([key, path]) => ({ key, value: numberAt(facts, path) }))
  const [first] = states
  if (first !== undefined && isUnseen(first.value)) return skip('forwarding', first.value.unseen)
  const found = states.map(({ key, value }) => `${key} ${isUnseen(value) ? (isAbsent(value) ? 'is not there' : 'is not visible') : value === 0 ? 'off' : 'on'}`).join(', ')
  const off = states.filter(({ value }) => value === 0).map(({ key }) => sysctl({ [key]: 1 }).mend?.[0] ?? '')
  const drops = facts.nft.state === 'ruleset' ? forwardDrops(facts.nft.text) : []
  if (drops.length > 0) {
    return warn('forwarding', `${found}; ${drops.join(' and ')} ${drops.length === 1 ? 'drops' : 'drop'} what is forwarded unless a rule there accepts it`, 'kernel offload may let nothing through: INPUT rules do not apply to it, FORWARD ones do; a relay does not forward', {
      mend: drops.map((chain) => `nft insert rule ${chain} ct status dnat accept   # what is translated; for kernel offload only`),
    })
  }
  return ok('forwarding', off.length === 0 ? found : `${found}: a relay needs neither; for kernel offload ${off.join('; ')}`)
}
