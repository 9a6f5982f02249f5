/** `millrace forward` in a process of its own, as an operator runs it: the built `dist/cli.js`. */
import { child, root, type Child } from './child.ts'

export type ForwardProcess = Child & {
  /** Where it listens. */
  readonly port: number
}

export type ForwardOptions = {
  readonly flags?: readonly string[]
  /** What to run it under: `prlimit --nofile=64`, for instance. */
  readonly under?: readonly string[]
  readonly listen?: string
}

/** MILLRACE_CLI names another one: that of an installed package, for instance. */
export const cli = process.env['MILLRACE_CLI'] ?? `${root}dist/cli.js`

/** Starts it on a free port and waits for the line that says it listens. */
export async function forwardProcess(upstream: number | string, options: ForwardOptions = {}): Promise<ForwardProcess> {
  const to = typeof upstream === 'number' ? `tcp://127.0.0.1:${upstream}` : upstream
  const [command = '', ...args] = [
    ...(options.under ?? []),
    process.execPath,
    cli,
    'forward',
    options.listen ?? 'tcp://127.0.0.1:0',
    to,
    ...(options.flags ?? []),
  ]
  const relay = child(command, args)
  const ready = await relay.line(/^listening (?:tcp|udp) (?:\S+):(\d+) ->/)
  return { ...relay, port: Number(ready[1]) }
}
