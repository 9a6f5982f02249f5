/** A load, and what it needs of one resource. */

/** So many flows, each with so many datagrams a second each way, of so many bytes of payload. */
export type Load = { readonly flows: number; readonly ppsPerFlow: number; readonly payloadBytes: number }

/** `unknown`: what there is could not be seen. `note`: told beside another one, which applies. */
export type Verdict = 'fits' | 'short' | 'unknown' | 'note'

export type Need = {
  readonly resource: string
  readonly verdict: Verdict
  /** What is needed, and what is there. */
  readonly text: string
  /** Where it does not fit. */
  readonly todo?: readonly string[]
  /** The figures, for `--json`. */
  readonly needed: number
  readonly available?: number
}

/** Datagrams a second each way. */
export function eachWay({ flows, ppsPerFlow }: Load): number {
  return flows * ppsPerFlow
}

/** The verdict on a number that is needed and one that is there, maybe. */
export function verdictOn(needed: number, available: number | undefined): Verdict {
  if (available === undefined) return 'unknown'
  return needed <= available ? 'fits' : 'short'
}
