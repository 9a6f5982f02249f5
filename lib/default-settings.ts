/** What holds where no stage says otherwise. */
import type { PlanSettings } from './plan.ts'

/** What holds for streams where no stage says otherwise. */
export const defaultSettings: PlanSettings = {
  idleTimeoutMs: 3_600_000,
  halfCloseTimeoutMs: 60_000,
  maxDurationMs: 0,
  highWaterBytes: 262_144,
  pipedHighWaterBytes: 1_048_576,
  throttleToUpstream: null,
  throttleToDownstream: null,
  throttleDatagramsToUpstream: null,
  throttleDatagramsToDownstream: null,
  keepAlive: null,
  transformToUpstream: false,
  transformToDownstream: false,
}

/** And for datagrams. */
export const defaultDatagramSettings: PlanSettings = { ...defaultSettings, idleTimeoutMs: 60_000 }
