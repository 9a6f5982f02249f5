/** `millrace doctor`: what of this machine stands in a relay's way, and, with `--for`, whether a load fits it. */
import { Command } from 'commander'
import type { DoctorOptions } from './doctor-run.ts'
import { loadShape } from './load-shape.ts'

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
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./doctor-run.ts')
      await runDoctor(options)
    })
}
