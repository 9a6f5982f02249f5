/** What `millrace doctor` does, apart from its options: those are read by every command, this is loaded by one. */
import { examine } from '../doctor/examine.ts'
import type { Facts } from '../doctor/facts.ts'
import { isUnseen } from '../doctor/facts.ts'
import { planFor } from '../doctor/load.ts'
import type { Load, Need } from '../doctor/need/need.ts'
import { probeWith, thisMachine } from '../doctor/machine.ts'
import { measurable, measure } from '../doctor/measure.ts'
import { sayFinding, sayMeasured, sayMeasuring, sayNeed, saySummary } from './doctor-lines.ts'
import type { Output } from './output.ts'
import { createOutput } from './output.ts'
import { exitFailure } from './usage.ts'

export type DoctorOptions = { readonly for?: Load; readonly json?: true }

export async function runDoctor({ for: load, json }: DoctorOptions): Promise<void> {
  const output = createOutput(process.stdout, json === true)
  const facts = await thisMachine()
  const findings = examine(facts)
  for (const finding of findings) sayFinding(output, finding)
  const needs = load === undefined ? [] : await plan(output, load, facts)
  saySummary(output, findings, needs)
  if (findings.some(({ status }) => status === 'fail') || needs.some(({ verdict }) => verdict === 'short')) process.exitCode = exitFailure
}

async function plan(output: Output, load: Load, facts: Facts): Promise<readonly Need[]> {
  if (isUnseen(facts.probe)) {
    const none: Need = { resource: 'everything', verdict: 'unknown', text: `nothing could be measured: ${facts.probe.unseen}`, needed: load.flows }
    sayNeed(output, none)
    return [none]
  }
  const flows = measurable(facts, load.flows)
  sayMeasuring(output, load, flows)
  const measured = await measure(flows, load.payloadBytes)
  sayMeasured(output, measured)
  const needs = planFor(load, { ...facts, probe: probeWith(load.payloadBytes) }, measured)
  for (const need of needs) sayNeed(output, need)
  return needs
}
