/** Says for every node of a pipeline whether it runs natively or in JS, and why. */
import type { AnySink, AnyStage, Branch, Kind, Pipeline } from './part.ts'

/** One node as `explain` sees it. */
export type ExplainedNode = {
  /** Its way through the pipeline, as in errors and sessions: `listen`, `allow[0]`, `route[1].when[0].forward[0]`. */
  readonly path: string
  /** Its name and arguments. */
  readonly node: string
  readonly runs: 'native' | 'js'
  readonly why: string
}

/** A line of the text: a node, or the head of a branch. */
type Line = { readonly depth: number; readonly text: string; readonly node?: ExplainedNode }

/** The nodes of a pipeline in the order in which they stand there. */
export function explainNodes<K extends Kind>(pipeline: Pipeline<K>): readonly ExplainedNode[] {
  return linesOf(pipeline).flatMap(({ node }) => node ?? [])
}

/** A longer line does not push the second column to the right. */
const longestAligned = 80

/** The nodes of a pipeline as text, one a line, and where the pipeline runs. */
export function explain<K extends Kind>(pipeline: Pipeline<K>): string {
  const lines = linesOf(pipeline)
  const inJs = lines.flatMap(({ node }) => (node?.runs === 'js' ? [node.path] : []))
  const where = inJs.length === 0 ? 'runs on a thread of its own: no node is in JS' : `runs in the calling thread: ${inJs.join(', ')} ${inJs.length === 1 ? 'is' : 'are'} in JS`
  return textOf(lines.map((line) => ({ ...line, ...line.node })), where)
}

/** The same of a pipeline that is offloaded to nftables; others have been refused. */
export function explainOffloaded<K extends Kind>(pipeline: Pipeline<K>): string {
  const rows = linesOf(pipeline).map(({ depth, text, node }) => ({ depth, text, ...(node === undefined ? {} : { runs: 'kernel', why: whyInKernel(node.path) }) }))
  return textOf(rows, 'runs in the kernel, as rules of nftables: no byte comes to this process')
}

function whyInKernel(path: string): string {
  if (path === 'listen') return 'matches packets before they are routed'
  return path.startsWith('forward') ? 'translates addresses and ports, for both directions' : 'drops packets before they are tracked'
}

/** Where a node runs, and why; nothing for the head of a branch. */
type Row = Pick<Line, 'depth' | 'text'> & { readonly runs?: string; readonly why?: string }

function textOf(all: readonly Row[], where: string): string {
  const lengths = all.map(({ depth, text }) => 2 * depth + text.length)
  const width = Math.max(...lengths.filter((length) => length <= longestAligned))
  const rows = all.map(({ depth, text, runs, why }) => {
    const left = `${'  '.repeat(depth)}${text}`
    return runs === undefined ? left : `${left.padEnd(width)}  ${runs.padEnd(6)}  ${why ?? ''}`.trimEnd()
  })
  return [...rows, where].join('\n')
}

function linesOf<K extends Kind>({ kind, source, chain }: Pipeline<K>): readonly Line[] {
  const text = `${source.name} ${source.shows}`
  const accepts = kind === 'stream' ? 'accepts sessions' : `receives datagrams${hasFlows(chain) ? ', a flow for each peer' : ''}`
  const why = source.name === 'generate' ? 'makes datagrams and measures what comes back' : accepts
  return [{ depth: 0, text, node: { path: source.name, node: text, runs: 'native', why } }, ...chainLines(kind, chain, '', 1)]
}

/** Whether any sink for datagrams that the chain leads to is one that keeps a flow for each peer. */
function hasFlows({ sink: { body } }: Branch): boolean {
  if (body.step === 'route') return [...body.when.map(({ chain }) => chain), body.otherwise].some(hasFlows)
  return body.step !== 'stun' && body.step !== 'close'
}

function chainLines(kind: Kind, { stages, sink }: Branch, path: string, depth: number): readonly Line[] {
  return [
    ...stages.map((stage, i) => lineOf(kind, stage, `${path}${stage.name}[${i}]`, depth)),
    lineOf(kind, sink, `${path}${sink.name}[${stages.length}]`, depth),
    ...branchLines(kind, sink, `${path}${sink.name}[${stages.length}]`, depth + 1),
  ]
}

function lineOf(kind: Kind, { name, shows, body }: AnyStage | AnySink, path: string, depth: number): Line {
  const own = kind === 'datagram' && 'ofDatagrams' in body ? body.ofDatagrams.shows : shows
  const text = own === '' ? name : `${name} ${own}`
  return { depth, text, node: { path, node: text, ...(kind === 'stream' ? whereOf(body) : whereOfDatagrams(body)) } }
}

function branchLines(kind: Kind, { body }: AnySink, path: string, depth: number): readonly Line[] {
  if (body.step === 'route') {
    return [
      ...body.when.flatMap(({ matcher, chain }, i) => [
        { depth, text: `when ${matcher.name}(${matcher.shows})` },
        ...chainLines(kind, chain, `${path}.when[${i}].`, depth + 1),
      ]),
      { depth, text: 'otherwise' },
      ...chainLines(kind, body.otherwise, `${path}.otherwise.`, depth + 1),
    ]
  }
  if (body.step === 'choose' || body.step === 'negotiate') {
    return body.branches.flatMap(({ name, chain }) => [{ depth, text: `${name}:` }, ...chainLines(kind, chain, `${path}.${name}.`, depth + 1)])
  }
  return []
}

type Where = Pick<ExplainedNode, 'runs' | 'why'>

function whereOf(body: AnyStage['body'] | AnySink['body']): Where {
  switch (body.step) {
    case 'allow':
    case 'deny':
    case 'limit':
      return { runs: 'native', why: 'decides before a byte is read' }
    case 'proxyProtocol':
      return { runs: 'native', why: 'reads the header of a proxy' }
    case 'settings':
      return { runs: 'native', why: 'a setting of the pump' }
    case 'inspect':
      return { runs: 'js', why: 'decides on the head; no byte enters JS after the verdict' }
    case 'decide':
      return { runs: 'js', why: 'decides later, on a copy of the head; no byte enters JS after the verdict' }
    case 'choose':
      return { runs: 'js', why: 'decides later, on a copy of the head; no byte enters JS after the verdict' }
    case 'transform':
      return { runs: 'js', why: 'on the byte path: sees every chunk of its directions' }
    case 'stream':
      return { runs: 'js', why: 'on the byte path: is the other end' }
    case 'filterDatagrams':
    case 'datagrams':
      return { runs: 'js', why: 'on the byte path: sees every datagram, a batch a call' }
    case 'route':
      return { runs: 'native', why: 'matches natively' }
    case 'forward':
      return { runs: 'native', why: 'connects and moves the bytes' }
    case 'negotiate':
      return { runs: 'native', why: 'speaks with the client until it has asked for its destination' }
    case 'destination':
      return { runs: 'native', why: 'connects to where the client asked for and moves the bytes; JS resolves names' }
    case 'echo':
    case 'discard':
      return { runs: 'native', why: 'moves the bytes' }
    case 'stun':
      return { runs: 'native', why: 'answers each request' }
    case 'close':
    case 'reset':
      return { runs: 'native', why: 'ends the session' }
  }
}

/** What is something else for datagrams. */
function whereOfDatagrams(body: AnyStage['body'] | AnySink['body']): Where {
  switch (body.step) {
    case 'allow':
    case 'deny':
      return { runs: 'native', why: 'decides by the address alone' }
    case 'limit':
      return { runs: 'native', why: 'decides before a flow begins' }
    case 'settings':
      return { runs: 'native', why: 'a setting of the flow' }
    case 'route':
      return { runs: 'native', why: 'matches every datagram natively' }
    case 'forward':
      return { runs: 'native', why: 'moves the datagrams, from a socket for each flow' }
    case 'echo':
    case 'discard':
      return { runs: 'native', why: 'moves the datagrams' }
    case 'stun':
      return { runs: 'native', why: 'answers each request from the slot it came in, without a flow' }
    case 'close':
      return { runs: 'native', why: 'drops the datagrams' }
    case 'proxyProtocol':
      return { runs: 'native', why: 'reads the headers of proxies' }
    case 'negotiate':
    case 'destination':
    case 'reset':
    case 'inspect':
    case 'decide':
    case 'choose':
    case 'transform':
    case 'stream':
    case 'filterDatagrams':
    case 'datagrams':
      return whereOf(body)
  }
}
