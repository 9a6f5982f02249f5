/** Where everything of the chart lies: two columns of blocks, each with a panel of what is carried and one of what it costs. */
import { summaryOf } from '../figures.ts'
import type { Result, Round, WorkloadResult } from '../results.ts'
import { kinds, nameOf, ofKind } from './captions.ts'

/** A bar with the least and the most of its rounds. */
export type Bar = { readonly subject: string; readonly y: number; readonly median: number; readonly least: number; readonly most: number; readonly lostPercent: number }
export type Panel = { readonly x: number; readonly top: number; readonly height: number; readonly unit: string; readonly most: number; readonly bars: readonly Bar[] }
export type Text = { readonly x: number; readonly y: number; readonly text: string; readonly role: 'heading' | 'group' | 'unit' | 'name' | 'ours' }
export type Layout = { readonly height: number; readonly panels: readonly Panel[]; readonly texts: readonly Text[] }

export const [width, margin, panelWidth, barHeight] = [1_000, 24, 132, 11] as const
const [columnWidth, nameWidth, panelPitch, top] = [490, 92, 202, 92] as const
const [rowHeight, groupHeight, headHeight, axisHeight, blockGap] = [16, 20, 24, 34, 14] as const

/** Workloads that share a scale. Trains have one of their own: they carry ten times as much. */
const blocks: readonly (readonly string[])[] = [
  ['tcp.bulk1', 'tcp.bulk16'], ['tcp.rr1', 'tcp.rr100', 'tcp.rr1000'], ['tcp.crr'], ['tcp.idle'],
  ['udp.flows1', 'udp.flows16', 'udp.flows200', 'udp.flows2000'], ['udp.gso16'], ['echo.flows1', 'echo.flows16'], ['echo.gso16'], ['stun.clients1', 'stun.clients200'],
]

export function layoutOf(result: Result): Layout {
  const [panels, texts]: [Panel[], Text[]] = [[], []]
  const bottoms = [['tcp', 'stun'], ['udp', 'echo']].map((column, i) => {
    const x = margin + i * columnWidth
    let y: number = top
    for (const kind of column) {
      const workloads = ofKind(result, kind)
      if (workloads.length === 0) continue
      texts.push({ x, y: y + 6, text: kinds.find(([name]) => name === kind)?.[1] ?? kind, role: 'heading' })
      y += headHeight
      for (const block of blocks) {
        const some = workloads.filter(({ name }) => block.includes(name))
        if (some.length > 0) y = addBlock(some, x, y, panels, texts)
      }
    }
    return y
  })
  return { height: Math.max(...bottoms) + 96, panels, texts }
}

/** The y below it. */
function addBlock(workloads: readonly WorkloadResult[], x: number, from: number, panels: Panel[], texts: Text[]): number {
  const rows: { readonly y: number; readonly subject: string; readonly rounds: readonly Round[] }[] = []
  let y = from
  for (const { title, subjects } of workloads) {
    texts.push({ x: x + nameWidth, y: y + groupHeight / 2, text: title, role: 'group' })
    y += groupHeight
    for (const [subject, { rounds }] of Object.entries(subjects)) {
      rows.push({ y: y + rowHeight / 2, subject, rounds })
      texts.push({ x: x + nameWidth - 8, y: y + rowHeight / 2, text: nameOf(subject), role: isOurs(subject) ? 'ours' : 'name' })
      y += rowHeight
    }
  }
  const [first] = workloads
  const sides = [
    { unit: first?.better === 'less' ? `${first.unit}, less is better` : first?.unit, of: ({ value }: Round) => value, cut: first?.better === 'less' },
    { unit: first?.costUnit, of: ({ cost }: Round) => cost, cut: true },
  ]
  for (const [i, { unit, of, cut }] of sides.entries()) {
    if (unit === undefined) continue
    const bars = rows.map(({ y: at, subject, rounds }) => barOf(subject, at, rounds, of, i === 0))
    const panelX = x + nameWidth + i * panelPitch
    texts.push({ x: panelX, y: y + 26, text: unit, role: 'unit' })
    panels.push({ x: panelX, top: from + groupHeight, height: y - from - groupHeight, unit, most: scaleOf(bars, cut), bars })
  }
  return y + axisHeight + blockGap
}

export const isOurs = (subject: string): boolean => subject === 'ours' || subject === 'handler'

function barOf(subject: string, y: number, rounds: readonly Round[], of: (round: Round) => number | undefined, showLost: boolean): Bar {
  const { median, least, most } = summaryOf(rounds.map(of).filter((value) => value !== undefined))
  return { subject, y, median, least, most, lostPercent: showLost ? summaryOf(rounds.map(({ lostPercent = 0 }) => lostPercent)).median : 0 }
}

/**
 * The end of an axis that begins at 0. `cut`: where a peer among several has a bar four times as long as all others it goes beyond, and is marked:
 * else nothing could be seen of the others. Only where less is better, and never ours: a cut makes nobody look better than it is.
 */
export function scaleOf(bars: readonly Pick<Bar, 'median' | 'most' | 'subject'>[], cut: boolean): number {
  const reach = (some: typeof bars): number => Math.max(0, ...some.map(({ median, most }) => Math.max(median, most)))
  const longest = bars.toSorted((a, b) => b.median - a.median)[0]?.subject ?? 'ours'
  const others = bars.filter(({ subject }) => subject !== longest)
  const isFar = Math.max(0, ...bars.map(({ median }) => median)) > 4 * Math.max(0, ...others.map(({ median }) => median))
  return roundUp(reach(cut && isFar && !isOurs(longest) && new Set(others.map(({ subject }) => subject)).size > 1 ? others : bars))
}

/** To a number whose half is short too. */
export function roundUp(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10
  return Number((step * power).toPrecision(2))
}
