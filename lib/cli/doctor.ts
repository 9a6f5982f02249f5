/** `millrace doctor`: what of this machine stands in a relay's way, and, with `--for`, whether a load fits it. */
import { Command } from 'commander'
import { examine } from '../doctor/examine.ts'
import type { Facts } from '../doctor/facts.ts'
import { isUnseen } from '../doctor/facts.ts'
import { planFor } from '../doctor/load.ts'
import type { Load, Need } from '../doctor/need/need.ts'
import { probeWith, thisMachine } from '../doctor/machine.ts'
import { measurable, measure } from '../doctor/measure.ts'
import { sayFinding, sayMeasured, sayMeasuring, sayNeed, saySummary } from './doctor-lines.ts'
import { loadShape } from './load-shape.ts'
import type { Output } from './output.ts'
import { createOutput } from './output.ts'
import { exitFailure } from './usage.ts'

const examples = `
Examples:
  $ millrace doctor
  $ millrace doctor --for 50000x1Mbps@800B
  $ millrace doctor --json | jq -r 'select(.status == "warn") | .mend[]?'`

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('find what stands in a relay\'s way on this machine')
    .description(
      'Looks at the limits and settings of this machine, and tries what can only be tried: ok, warn (it works, and costs something), fail (it will not work) ' +
        'or skip (it could not be seen), with the commands that mend it. Exits with 1 if anything fails, or does not fit the load. Nothing is changed.',
    )
    .option('--for <load>', 'measure for 5 seconds what a core relays here, and say whether FLOWSxRATE@SIZE fits, such as 50000x1Mbps@800B or 10000x100pps@200B', (text) => loadShape('--for', text))
    .option('--json', 'print one JSON object a line: check, measuring, measured, need, summary')
    .addHelpText('after', examples)
    .action(async ({ for: load, json }: { readonly for?: Load; readonly json?: true }) => {
      const output = createOutput(process.stdout, json === true)
      const facts = await thisMachine()
      const findings = examine(facts)
      for (const finding of findings) sayFinding(output, finding)
      const needs = load === undefined ? [] : await plan(output, load, facts)
      saySummary(output, findings, needs)
      if (findings.some(({ status }) => status === 'fail') || needs.some(({ verdict }) => verdict === 'short')) process.exitCode = exitFailure
    })
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
