/** `millrace run FILE`: serves the pipelines that a TypeScript or JavaScript file exports. */
import { Command } from 'commander'
import { checkReadable, loadPipelines } from './load-pipelines.ts'
import { addOffload, checkOffloadOption } from './offload-option.ts'
import { addRelayOptions, defaultDrainMs, runRelay, startHere } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import type { Start } from './running.ts'
import { shardsOf } from './shard-options.ts'
import { count } from './units.ts'
import { usage } from './usage.ts'

/** Each may have two loops, and an id has room for 128. */
const maxWorkers = 64

type RunOptions = RelayOptions & { readonly workers?: number }

const examples = `
Examples:
  $ millrace run examples/port-forward.ts
  $ millrace run relay.ts --stats 1s --log
  $ millrace run relay.ts --workers 4 --pin --stats 1s`

export function runCommand(): Command {
  const command = new Command('run')
    .summary('serve the pipelines of a file')
    .description('Serves what FILE exports by default: a pipeline or an array of pipelines. Types are stripped, not checked: see `millrace check`.')
    .argument('<file>', 'a .ts or .js file')
    .option('--workers <count>', 'load the file in so many worker threads, which serve together, each with a limit of its own: --shards for nodes in JS', (text) => {
      const workers = count('--workers', text, 1)
      if (workers > maxWorkers) throw usage(`--workers: expected 1 to ${maxWorkers}, got ${workers}`)
      return workers
    })
  addOffload(command, 'nftables: the kernel relays by address translation, see `millrace help offload`; for files with listen, allow, deny and forward only')
  return addRelayOptions(command)
    .addHelpText('after', examples)
    .action(async (file: string, options: RunOptions) => {
      process.exitCode = await runRelay({ command: 'run', start: await starting(file, options), options })
    })
}

async function starting(file: string, options: RunOptions): Promise<Start> {
  if (options.workers === undefined) {
    const pipelines = await loadPipelines(file)
    checkOffloadOption(pipelines, options)
    return startHere(pipelines)
  }
  if (options.offload !== undefined) throw usage('--offload leaves nothing to do for --workers: give one of them')
  if (options.shards !== undefined) throw usage('--shards are loops without JS and --workers are threads with it: give one of them')
  await checkReadable(file)
  const { shards: _, ...rest } = shardsOf(options)
  const { startWorkers } = await import('./workers.ts')
  return startWorkers(file, options.workers, rest, options.drain ?? defaultDrainMs)
}
