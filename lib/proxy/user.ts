/** A user of `socks5` or `httpConnect`. */
import { isStage, refuse } from '../chain.ts'
import { shown } from '../options.ts'
import type { AnyStage, Stage } from '../part.ts'
import type { PlanLogin } from '../plan.ts'
import { loginOf } from './login.ts'

/** Made by `user`. */
export type User = { readonly role: 'user'; readonly login: PlanLogin; readonly stages: readonly AnyStage[] }

/** Stages that would wait for bytes: the client sends none before it knows what became of its request. */
const waits = new Set(['inspect', 'decide', 'proxyProtocol'])

/**
 * Who may log in to `socks5` or `httpConnect`, and what holds for the sessions of this user alone: stages such as `throttle`, `limit`, `allow`, `maxDuration` or `transform`. Name and password have 1 to 255 bytes, the name
 * no colon. Where they may go is for all users the same. Throws ERR_MILLRACE_BAD_OPTION and, for `inspect`, `decide`, `proxyProtocol` and what is no stage, ERR_MILLRACE_BAD_PIPELINE.
 */
export function user(name: string, password: string, ...stages: readonly Stage<'stream'>[]): User {
  const list: readonly unknown[] = stages
  for (const stage of list) {
    if (!isStage(stage)) throw refuse('user', `expected stages such as throttle(…), not ${shown(stage)}`)
    if (waits.has(stage.body.step)) throw refuse('user', `the stage ${stage.name} cannot stand here: it would wait for bytes that the client sends only when it is connected`)
  }
  return { role: 'user', login: loginOf('user', name, password), stages }
}
