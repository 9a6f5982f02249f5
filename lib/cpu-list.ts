/** Lists of CPUs as taskset(1) and proc(5) have them: `0,2-3`. */

/** Undefined for what is no such list. */
export function parseCpus(text: string): readonly number[] | undefined {
  const runs = text.split(',').map((run) => /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(run))
  const cpus: number[] = []
  for (const run of runs) {
    if (run === null) return undefined
    const [from, to] = [Number(run[1]), Number(run[2] ?? run[1])]
    if (to < from) return undefined
    for (let cpu = from; cpu <= to; cpu++) cpus.push(cpu)
  }
  return cpus
}

export function cpusText(cpus: readonly number[]): string {
  const runs: [number, number][] = []
  for (const cpu of cpus) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] + 1 === cpu) last[1] = cpu
    else runs.push([cpu, cpu])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}
