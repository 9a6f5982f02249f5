/** Runs a script of this folder in a network namespace of its own, where nothing that it does to the network concerns anybody. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What the script printed, as JSON; undefined, said aloud, where namespaces (or the set-up's programs) are not to be had. */
export async function inNamespace(setUp: string, script: string, args: readonly string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const ready = 'namespace ready\n'
  const shell = `PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && ${setUp} && printf '${ready.trim()}\\n' && exec "$0" --import tsx "$@"`
  const unshare = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n']
  const child = spawn('unshare', [...unshare, 'sh', '-c', shell, process.execPath, path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const spawned = new Promise<boolean>((resume) => {
    child.once('error', () => { resume(false) })
    child.once('spawn', () => { resume(true) })
  })
  const [out, err, code] = await Promise.all([
    child.stdout.toArray(), child.stderr.toArray(),
    spawned.then((is) => (is ? new Promise<number | null>((resume) => child.once('close', resume)) : null)),
  ])
  const said = Buffer.concat(out).toString()
  if (!said.startsWith(ready)) {
    console.log(`      (no network namespace here, not shown: ${Buffer.concat(err).toString().trim()})`)
    return undefined
  }
  if (code !== 0) throw new Error(`${script} ${args.join(' ')}: exit ${String(code)}: ${Buffer.concat(err).toString()}`)
  const parsed: unknown = JSON.parse(said.slice(ready.length))
  return parsed
}
