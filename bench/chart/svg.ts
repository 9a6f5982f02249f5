/** The chart of a result, as SVG for a light or a dark page. */
import { CustomChart } from 'echarts/charts'
import { GraphicComponent, GridComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import type { EChartsCoreOption } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { figure } from '../figures.ts'
import type { Result } from '../results.ts'
import { machine, method, versions } from './captions.ts'
import { barHeight, isOurs, layoutOf, margin, panelWidth, width } from './layout.ts'
import type { Bar, Layout, Panel, Text } from './layout.ts'

use([CustomChart, GraphicComponent, GridComponent, SVGRenderer])

export type Theme = 'light' | 'dark'
type Colours = { readonly page: string; readonly text: string; readonly muted: string; readonly line: string; readonly ours: string; readonly handler: string; readonly peer: string; readonly range: string }

/** Those of GitHub's pages, on which it is seen. */
const colours: Readonly<Record<Theme, Colours>> = {
  light: { page: '#ffffff', text: '#1f2328', muted: '#59636e', line: '#d8dee4', ours: '#0969da', handler: '#6cb1f5', peer: '#a9b1ba', range: '#1f2328' },
  dark: { page: '#0d1117', text: '#f0f6fc', muted: '#9198a1', line: '#2b323b', ours: '#3b8eea', handler: '#27598f', peer: '#59616b', range: '#f0f6fc' },
}
const fontFamily = 'system-ui, -apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif'

export function svgOf(result: Result, theme: Theme): string {
  const layout = layoutOf(result)
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: layout.height })
  try {
    chart.setOption(optionOf(result, layout, colours[theme]))
    return plain(chart.renderToSVGString())
  } finally {
    chart.dispose()
  }
}

/** Without what only a live chart needs: classes with numbers of the process, rules for the pointer. */
function plain(svg: string): string {
  return `${svg
    .replace(/<style[^]*<\/style>\n?/, '')
    .replace(/ (?:class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
    .replace('<svg ', '<svg role="img" aria-label="millrace beside other relays: the table below the chart has its figures" ')
    .trim()}\n`
}

function optionOf(result: Result, { panels, texts, height }: Layout, colour: Colours): EChartsCoreOption {
  const head = [
    { ...line('millrace beside others', margin, 30), style: { ...text('millrace beside others', 20, colour.text), fontWeight: 600 } },
    line('Left: what is carried, more is better. Right: what a unit of it costs in CPU time of the whole relay, less is better.', margin, 54),
    line('A bar is the median of the rounds, its thin line reaches from the least to the most of them. All axes begin at 0; a broken bar goes on beyond its axis.', margin, 72),
  ]
  const foot = [...method(result), machine(result), versions(result)].map((sentence, i) => line(sentence, margin, height - 76 + 18 * i))
  function line(sentence: string, x: number, y: number) {
    return { type: 'text', x, y, silent: true, style: text(sentence, 12.5, colour.muted) } as const
  }
  return {
    animation: false,
    backgroundColor: colour.page,
    textStyle: { fontFamily },
    grid: panels.map(({ x, top, height: high }) => ({ left: x, top, width: panelWidth, height: high, containLabel: false, outerBoundsMode: 'none' })),
    xAxis: panels.map(({ most }, i) => ({
      gridIndex: i, type: 'value', min: 0, max: most, interval: most / 2, silent: true,
      axisLabel: { color: colour.muted, fontSize: 11, fontFamily, margin: 6, formatter: short },
      splitLine: { lineStyle: { color: colour.line } },
    })),
    // A pixel is a unit: the layout has said where the bars lie.
    yAxis: panels.map(({ top, height: high }, i) => ({ gridIndex: i, type: 'value', min: top, max: top + high, inverse: true, show: false, silent: true })),
    series: panels.map((panel, i) => ({
      type: 'custom', xAxisIndex: i, yAxisIndex: i, silent: true, clip: false, data: panel.bars.map(({ y, median }) => [median, y]),
      renderItem: ({ dataIndex }: { readonly dataIndex: number }) => {
        const bar = panel.bars[dataIndex]
        return bar === undefined ? null : { type: 'group', silent: true, children: shapesOf(bar, panel, colour) }
      },
    })),
    graphic: [...head, ...foot, ...texts.map((one) => placed(one, colour))].map((one) => ({ ...one, silent: true })),
  }
}

const text = (content: string, fontSize: number, fill: string) => ({ text: content, fontSize, fontFamily, fill, verticalAlign: 'middle', align: 'left' }) as const

function placed({ x, y, text: content, role }: Text, { text: strong, muted, ours }: Colours) {
  const style = {
    heading: { ...text(content, 15, strong), fontWeight: 600 },
    group: { ...text(content, 12, strong), fontWeight: 600 },
    unit: text(content, 11, muted),
    name: { ...text(content, 12, muted), align: 'right' },
    ours: { ...text(content, 12, ours), align: 'right', fontWeight: 600 },
  }[role]
  return { type: 'text', x, y, style }
}

function shapesOf({ subject, y, median, least, most, lostPercent }: Bar, { x, most: scale }: Panel, colour: Colours): readonly object[] {
  const at = (value: number): number => x + (panelWidth * Math.min(value, scale)) / scale
  const isCut = median > scale
  const fill = subject === 'ours' ? colour.ours : subject === 'handler' ? colour.handler : colour.peer
  const end = Math.min(Math.max(at(median), at(most)), x + panelWidth)
  const edge = x + panelWidth - 12
  const lost = lostPercent < 0.05 ? '' : `  ${lostPercent.toFixed(1)} % lost`
  const labelX = end + 6
  return [
    { type: 'rect', shape: { x, y: y - barHeight / 2, width: Math.max(1, at(median) - x), height: barHeight }, style: { fill } },
    // A bar that goes beyond the axis is broken, and has its length written beside it as the others have.
    ...(isCut ? [{ type: 'polygon', shape: { points: [[edge, y + 7], [edge + 5, y - 7], [edge + 9, y - 7], [edge + 4, y + 7]] }, style: { fill: colour.page } }] : []),
    ...(isCut || most === least ? [] : [{ type: 'line', shape: { x1: at(least), x2: at(most), y1: y, y2: y }, style: { stroke: colour.range, lineWidth: 1.25, opacity: 0.75 } }]),
    { type: 'text', x: labelX, y, style: { ...text(`${figure(median)}${lost}`, 11.5, isOurs(subject) ? colour.text : colour.muted), ...(isOurs(subject) ? { fontWeight: 600 } : {}) } },
  ]
}

/** 8000 is `8k` at an axis. */
function short(value: number): string {
  return value >= 1_000 ? `${value / 1000}k` : String(Number(value.toPrecision(3)))
}
