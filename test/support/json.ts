/** Fields of what other programs report as JSON: a field that is not there, or is something else, is nothing. */

export function numberIn(object: unknown, name: string): number {
  const value = field(object, name)
  return typeof value === 'number' ? value : NaN
}

export function textIn(object: unknown, name: string): string {
  const value = field(object, name)
  return typeof value === 'string' ? value : ''
}

export function listIn(object: unknown, name: string): readonly unknown[] {
  const value = field(object, name)
  return Array.isArray(value) ? value : []
}

export function field(object: unknown, name: string): unknown {
  const fields: readonly (readonly [string, unknown])[] = typeof object === 'object' && object !== null ? Object.entries(object) : []
  return fields.find(([key]) => key === name)?.[1]
}
