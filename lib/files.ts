/** The files of networks of a server: each is read before anything is bound, then watched once, and every relay that uses it is given what is in it. */
import { readNetworks, watchNetworks } from './address-file.ts'
import type { Compiled } from './compile.ts'
import type { FileNotice } from './events.ts'
import type { PlanMatcher, PlanNode } from './plan.ts'
import type { ServerRelay } from './server.ts'
import { tellEvents } from './tell-events.ts'
import type { Listening } from './tell-events.ts'

/** The pipelines with what their files have, each read once, so that all begin with the same. Rejects as `readNetworks` does. */
export async function withFiles(compiled: readonly Compiled[]): Promise<readonly Compiled[]> {
  const paths = compiled.map(({ plan }) => [...new Set(plan.nodes.flatMap(filesOf))])
  const read = new Map(await Promise.all([...new Set(paths.flat())].map(async (path) => [path, await readNetworks(path)] as const)))
  return compiled.map((one, i) => {
    const files = (paths[i] ?? []).map((path) => ({ path, cidrs: read.get(path) ?? [] }))
    return files.length === 0 ? one : { ...one, plan: { ...one.plan, files } }
  })
}

function filesOf(node: PlanNode): readonly string[] {
  if ('files' in node) return node.files ?? []
  return node.op === 'route' ? node.when.flatMap(({ matcher }) => filesOfMatcher(matcher)) : []
}

function filesOfMatcher(matcher: PlanMatcher): readonly string[] {
  if ('files' in matcher) return matcher.files ?? []
  if (matcher.op === 'not') return filesOfMatcher(matcher.matcher)
  return matcher.op === 'any' ? matcher.matchers.flatMap(filesOfMatcher) : []
}

/** A file in a plan: its relay, the pipeline, its plan in there, its place in the plan. */
type Use = { readonly server: ServerRelay; readonly pipeline: number; readonly plan: number; readonly file: number; readonly cidrs: readonly string[] }

/** Looks at all files, again and again, until the returned function is called. */
export function watchFiles(relays: readonly ServerRelay[], compiled: readonly Compiled[], listening: Listening): () => void {
  const stops = [...usesByPath(relays, compiled)].map(([path, uses]) => {
    const notify = (told: Pick<FileNotice, 'code' | 'message'>): void => {
      const pipelines = new Map(uses.map((use) => [use.pipeline, use]))
      tellEvents(listening, [...pipelines].map(([pipeline, { server }]) => ({ type: 'notice', at: Date.now(), pipeline, listener: server.relay.listeners(pipeline)[0] ?? '', path, ...told })))
    }
    return watchNetworks(path, {
      known: uses[0]?.cidrs ?? [],
      onNetworks(cidrs) {
        const holding = uses.map(({ server, plan, file }) => new Promise<void>((resolve) => server.relay.native.setNetworks(plan, file, cidrs, resolve)))
        const message = `${path} has ${cidrs.length === 1 ? '1 network' : `${cidrs.length} networks`} now`
        void Promise.all(holding).then(() => notify({ code: 'fileChanged', message }))
      },
      onFailure: (message) => notify({ code: 'fileUnusable', message }),
    })
  })
  return () => stops.forEach((stop) => stop())
}

function usesByPath(relays: readonly ServerRelay[], compiled: readonly Compiled[]): ReadonlyMap<string, readonly Use[]> {
  const uses = new Map<string, Use[]>()
  for (const server of relays) {
    for (const [plan, pipeline] of server.pipelines.entries()) {
      for (const [file, { path, cidrs }] of (compiled[pipeline]?.plan.files ?? []).entries()) {
        uses.set(path, [...(uses.get(path) ?? []), { server, pipeline, plan, file, cidrs }])
      }
    }
  }
  return uses
}
