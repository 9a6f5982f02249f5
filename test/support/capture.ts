/** Counts the resets that really go over the loopback, with tcpdump where it is installed and allowed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { within } from './until.ts'

/** Runs the body; resolves to the lines tcpdump printed for RSTs from or to these ports, or undefined where it cannot capture. */
export async function resetsDuring(ports: readonly number[], body: () => Promise<void>): Promise<readonly string[] | undefined> {
  // A reset of our own on this port is one that we can wait for: what was sent before it has been captured before it.
  const marked = net.createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(marked, 'listening')
  const bound = marked.address()
  const marker = typeof bound === 'object' ? (bound?.port ?? 0) : 0
  const filter = `tcp[tcpflags] & tcp-rst != 0 and (${[...ports, marker].map((port) => `port ${port}`).join(' or ')})`
  const tcpdump = spawn('tcpdump', ['-i', 'lo', '-n', '-l', '--immediate-mode', '-Z', 'root', filter], { stdio: ['ignore', 'pipe', 'pipe'] })
  const started = await new Promise<boolean>((resume) => {
    tcpdump.once('error', () => { resume(false) })
    tcpdump.once('exit', () => { resume(false) })
    createInterface(tcpdump.stderr).on('line', (line) => { if (line.startsWith('listening on')) resume(true) })
  })
  if (!started) {
    marked.close()
    console.log('      (no capture here: tcpdump is missing or not allowed; the peers\' errno decides)')
    await body()
    return undefined
  }
  const lines: string[] = []
  let onMarker: () => void = () => undefined
  const seen = new Promise<void>((resume) => { onMarker = resume })
  createInterface(tcpdump.stdout).on('line', (line) => {
    if (line.includes(`.${marker} `) || line.includes(`.${marker}:`)) onMarker()
    else if (line !== '') lines.push(line)
  })
  try {
    await body()
    const reset = net.connect(marker, '127.0.0.1').on('error', () => undefined)
    await once(reset, 'connect')
    reset.resetAndDestroy()
    await within(seen, 'tcpdump to show the marker')
  } finally {
    marked.close()
    tcpdump.kill()
    await new Promise<void>((resume) => { if (tcpdump.exitCode !== null || tcpdump.signalCode !== null) resume(); else tcpdump.once('close', () => { resume() }) })
  }
  return lines
}
