/**
 * A shell in a network namespace of its own, with a /sys that shows it, for tests that change settings of a machine: nothing of it concerns anybody
 * else, and it ends with the scope it was made in.
 */
import { child, plainEnv } from './child.ts'

export type NamespaceShell = {
  /** Runs a command in the shell itself, so that what it sets stays set, and gives what it printed. Rejects where it fails. */
  readonly run: (command: string) => Promise<string>
  [Symbol.asyncDispose](): Promise<void>
}

/** Undefined, said aloud, where namespaces are not to be had. */
export async function namespaceShell(): Promise<NamespaceShell | undefined> {
  const unshare = process.getuid?.() === 0 ? ['-n', '-m'] : ['-r', '-n', '-m']
  const shell = child('unshare', [...unshare, 'sh'], { stdin: 'pipe', env: { ...plainEnv(), PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } })
  let number = 0
  const run = async (command: string): Promise<string> => {
    number++
    const before = shell.stdout().length
    shell.process.stdin?.write(`${command}\necho "done ${number} $?"\n`)
    const [line, code] = await shell.line(new RegExp(`^done ${number} (\\d+)$`))
    const said = shell.stdout().slice(before, shell.stdout().lastIndexOf(line))
    if (code !== '0') throw new Error(`${command} ended with ${code ?? ''}: ${said}${shell.stderr()}`)
    return said
  }
  try {
    await run('mount --rbind /sys/fs/cgroup /mnt && mount -t sysfs sysfs /sys && mount --rbind /mnt /sys/fs/cgroup && ip link set lo up')
  } catch (error) {
    await shell[Symbol.asyncDispose]()
    console.log(`      (no network namespaces here, not shown: ${String(error).split('\n')[0] ?? ''})`)
    return undefined
  }
  return { run, [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose]() }
}
