/** Lists of numbers as taskset(1) and proc(5) have them: `0,2-3`. */

/** The numbers in such a list: a first and a last one of each part. */
export function partsIn(list: string): readonly (readonly [first: number, last: number])[] {
  return list.trim().split(',').filter((part) => part !== '').map((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return [first, last]
  })
}

/** How many numbers are in such a list. */
export function countIn(list: string): number {
  return partsIn(list).reduce((sum, [first, last]) => sum + last - first + 1, 0)
}

const list = /^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/

/** CPUs as somebody has typed them; undefined for what is no such list. */
export function parseCpus(text: string): readonly number[] | undefined {
  const parts = list.test(text) ? partsIn(text) : []
  if (parts.length === 0 || parts.some(([first, last]) => last < first)) return undefined
  return parts.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
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
