/** Calls a function as JavaScript would, past its types. */
export function call(part: (...given: never[]) => unknown, ...given: readonly unknown[]): unknown {
  return Reflect.apply(part, undefined, given)
}
