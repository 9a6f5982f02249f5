/** Peers that are on one CPU, in a process of their own: pinned_sender.py. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Account } from '../../lib/index.ts'
import { portOf } from './udp-peers.ts'
import { until } from './until.ts'

const program = fileURLToPath(new URL('pinned_sender.py', import.meta.url))

/** Each of `count` peers has its answer when this resolves. */
export async function sendFrom(cpu: number, net: 'udp' | 'tcp', address: string, count: number): Promise<void> {
  const { stdout } = await promisify(execFile)('python3', [program, String(cpu), net, String(portOf(address)), String(count)])
  assert.equal(stdout, `${count}\n`)
}

/** What each account has received, once they have received `all` together: an answer is sent before the turn that sends it is in the ledger. */
export async function received(accounts: () => readonly Account[], all: number): Promise<readonly number[]> {
  const each = (): readonly number[] => accounts().map(({ toUpstream }) => toUpstream.received)
  await until(() => each().reduce((sum, one) => sum + one) === all, () => `${all} to be received: ${each().join(' and ')}`)
  return each()
}
