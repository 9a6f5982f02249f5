/** `--offload nftables`: the kernel relays. */
import type { Command } from 'commander'
import { RelayError } from '../errors.ts'
import { checkOffload } from '../offload/offload.ts'
import type { AnyPipeline } from './endpoints.ts'
import { usage } from './usage.ts'

export type OffloadOption = { readonly offload?: 'nftables' }

const how = 'nftables'

export function addOffload(command: Command, what: string): Command {
  return command.option('--offload <how>', what, (text: string) => {
    if (text === how) return text
    throw usage(`--offload: ${JSON.stringify(text)} is not known: the one way is ${how}`)
  })
}

/** Throws a usage error for what cannot be offloaded. */
export function checkOffloadOption(pipelines: readonly AnyPipeline[], { offload, log }: OffloadOption & { readonly log?: true }): void {
  if (offload === undefined) return
  if (log === true) throw usage('--log: with --offload there are no lines of sessions to print, the kernel does not tell when they end; leave it out')
  try {
    checkOffload(pipelines)
  } catch (error) {
    throw error instanceof RelayError ? usage(`--offload: ${error.message}`) : error
  }
}
