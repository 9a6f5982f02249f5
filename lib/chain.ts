/** Checks at run time what the types check for those who use them: stages, and then one sink. */
import { misuse } from './errors.ts'
import { shown } from './options.ts'
import type { AnyMatcher, AnySink, AnyStage, Branch } from './part.ts'

/** Whether a value says that it is what this role stands for. */
export function hasRole(value: unknown, role: string): boolean {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === role
}

export function isStage(value: unknown): value is AnyStage {
  return hasRole(value, 'stage')
}

export function isSink(value: unknown): value is AnySink {
  return hasRole(value, 'sink')
}

export function isMatcher(value: unknown): value is AnyMatcher {
  return hasRole(value, 'matcher')
}

/** The parts as stages and the sink that ends them. Throws ERR_MILLRACE_BAD_PIPELINE for a part that is misplaced. */
export function chainOf(node: string, parts: readonly unknown[]): Branch {
  const stages: AnyStage[] = []
  for (const [i, part] of parts.entries()) {
    if (isStage(part)) {
      stages.push(part)
    } else if (isSink(part)) {
      const after = parts[i + 1]
      if (i + 1 < parts.length) throw refuse(node, `${shown(after)} stands after the sink ${part.name}, which ends the chain`)
      return { stages, sink: part }
    } else {
      const hint = Array.isArray(part) ? ' (spread an array of stages: ...stages)' : ''
      throw refuse(node, `expected a stage or a sink at place ${i + 1}, not ${shown(part)}${hint}`)
    }
  }
  throw refuse(node, 'the chain has no sink: end it with one, such as forward(…) or close()')
}

/** A matcher, or ERR_MILLRACE_BAD_PIPELINE. */
export function checkMatcher(node: string, value: unknown): AnyMatcher {
  if (isMatcher(value)) return value
  throw refuse(node, `expected a matcher such as sni(…), not ${shown(value)}`)
}

export function refuse(node: string, problem: string): Error {
  return misuse('ERR_MILLRACE_BAD_PIPELINE', node, problem)
}
