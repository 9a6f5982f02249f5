/**
 * What a check of `millrace doctor` has found. `ok`: nothing to do. `warn`: it works, and costs something. `fail`: it will not work.
 * `skip`: it could not be seen, so nothing is claimed.
 */
export type Status = 'ok' | 'warn' | 'fail' | 'skip'

export type Finding = Mend & {
  /** The subject, one word: `descriptors`. */
  readonly check: string
  readonly status: Status
  /** The value found, or why there is none. */
  readonly found: string
  /** Of a warning or a failure: what it costs in sessions, flows, datagrams or accepts. */
  readonly cost?: string
}

/** Commands, as they are typed by root. */
export type Mend = {
  /** At once, until the next boot or for this shell. */
  readonly mend?: readonly string[]
  /** To make it last. */
  readonly last?: readonly string[]
}

export function ok(check: string, found: string): Finding {
  return { check, status: 'ok', found }
}

export function warn(check: string, found: string, cost: string, mend: Mend = {}): Finding {
  return { check, status: 'warn', found, cost, ...mend }
}

export function fail(check: string, found: string, cost: string, mend: Mend = {}): Finding {
  return { check, status: 'fail', found, cost, ...mend }
}

export function skip(check: string, why: string): Finding {
  return { check, status: 'skip', found: why }
}

const sysctlFile = '/etc/sysctl.d/60-millrace.conf'

/** Kernel settings, at once and in a file that is read at every boot. */
export function sysctl(settings: Readonly<Record<string, string | number>>): Mend {
  const list = Object.entries(settings)
  return {
    mend: list.map(([key, value]) => `sysctl -w ${key}=${quoted(value)}`),
    last: list.map(([key, value]) => `echo '${key} = ${value}' >> ${sysctlFile}`),
  }
}

function quoted(value: string | number): string {
  return /^\S+$/.test(String(value)) ? String(value) : `"${value}"`
}
