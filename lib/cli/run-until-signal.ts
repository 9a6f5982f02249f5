/**
 * The life of a serving command after its ready line: the first SIGTERM or SIGINT stops accepting and gives the sessions time
 * to end by themselves, a second one ends at once.
 */
import { constants } from 'node:os'
import type { Kind } from '../part.ts'
import type { Running } from './running.ts'

type Signal = 'SIGTERM' | 'SIGINT'

export type Ending = {
  /** 0 after a clean drain, 1 where time ran out for some sessions, 128 + the signal's number after a second signal. */
  readonly exitCode: number
  /** Streams that did not end by themselves; the end of a flow is that it is quiet. */
  readonly cut: number
}

export type UntilSignal = {
  readonly drainMs: number
  readonly onClosing: (signal: Signal) => void
}

/** Takes the signals over at once; the promise settles when the server is closed. */
export function runUntilSignal(server: Running, pipelines: readonly { readonly kind: Kind }[], { drainMs, onClosing }: UntilSignal): Promise<Ending> {
  let first: Signal | undefined
  let second: Signal | undefined
  let told: Promise<void> | undefined
  const signalled = new Promise<void>((_, fail) => {
    const onSignal = (signal: Signal): void => {
      const again = first !== undefined
      server.close({ drainMs: again ? 0 : drainMs }).catch(fail)
      if (again) {
        second ??= signal
      } else {
        first = signal
        if (server.refresh === undefined) onClosing(signal)
        else told = server.refresh().then(() => onClosing(signal))
      }
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
  const closed = server.closed.then(async (): Promise<Ending> => {
    await told
    const streams = server.ledger().pipelines.filter((_, place) => pipelines[place]?.kind === 'stream')
    const cut = streams.reduce((sum, { reasons }) => sum + reasons.serverClosed, 0)
    // Where there was nothing to wait for, a second signal had nothing to cut short.
    if (second !== undefined && drainMs > 0) return { exitCode: 128 + constants.signals[second], cut }
    return { exitCode: cut > 0 && drainMs > 0 ? 1 : 0, cut }
  })
  return Promise.race([closed, signalled.then(() => closed)])
}
