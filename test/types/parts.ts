/** Parts for the type tests, made of what a user could make them of too. */
import { udp } from '../../lib/index.ts'
import type { Kind, Matcher, Sink, Stage } from '../../lib/index.ts'

export const udpEndpoint = udp('127.0.0.1:0')
export const datagramStage: Stage<'datagram'> = { role: 'stage', name: 'datagramStage', shows: '', body: { step: 'settings', settings: {} } }
export const datagramSink: Sink<'datagram'> = { role: 'sink', name: 'datagramSink', shows: '', body: { step: 'discard' } }
export const anyStage: Stage<Kind> = { role: 'stage', name: 'anyStage', shows: '', body: { step: 'settings', settings: {} } }
export const datagramMatcher: Matcher<'datagram'> = { role: 'matcher', name: 'datagramMatcher', shows: '', plan: { op: 'any', matchers: [] } }
