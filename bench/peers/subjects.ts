/** How each subject is started: one loop, one thread or one process that relays from a port of 127.0.0.1 to another. */
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { start } from '../programs.ts'
import type { Program, StartOptions } from '../programs.ts'
import type { Role, SubjectName } from './workloads.ts'

export type Place = {
  readonly role: Role
  readonly port: number
  readonly upstream: number
  /** For its configuration; removed at the end. */
  readonly folder: string
  /** The compiled load, which has an echo too. */
  readonly load: string
  /** The clients send trains of datagrams. */
  readonly trains: boolean
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const node = (name: string, ...ports: readonly number[]): readonly string[] => [process.execPath, file(`node/${name}`), ...ports.map(String)]
/** Longer than any run of a workload. */
export const lifeSeconds = 600

const starts: Readonly<Record<SubjectName, (place: Place) => readonly string[]>> = {
  ours: ({ role, port, upstream }) => {
    const millrace = [process.execPath, file('../../dist/cli.js')]
    switch (role) {
      case 'tcp':
      case 'udp':
        return [...millrace, 'forward', `${role}://127.0.0.1:${port}`, `${role}://127.0.0.1:${upstream}`]
      case 'echo':
        return [...millrace, 'echo', `udp://127.0.0.1:${port}`]
      case 'stun':
        return [...millrace, 'stun', `udp://127.0.0.1:${port}`]
    }
  },
  handler: () => [process.execPath, file('../../dist/cli.js'), 'run', file('../../examples/udp-echo.ts')],
  haproxy: (place) => ['haproxy', '-db', '-f', written(place, 'haproxy.cfg', haproxy(place))],
  nginx: (place) => ['nginx', '-c', written(place, 'nginx.conf', nginx(place))],
  socat: ({ role, port, upstream }) =>
    role === 'udp'
      ? ['socat', `UDP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`, `UDP4:127.0.0.1:${upstream}`]
      : ['socat', '-b', '65536', `TCP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay`, `TCP4:127.0.0.1:${upstream},nodelay`],
  coturn: ({ port, folder }) =>
    ['turnserver', '--stun-only', '--no-tls', '--no-dtls', '--no-tcp', '--no-cli', '-m', '1', '-n', '-L', '127.0.0.1', '-p', String(port), '-l', '/dev/null', '--pidfile', join(folder, 'coturn.pid')],
  c: ({ port, load, trains }) => [load, trains ? 'udp-echo-trains' : 'udp-echo', String(port), String(lifeSeconds)],
  node: ({ role, port, upstream }) => (role === 'tcp' ? node('tcp-pipe.mjs', port, upstream) : role === 'udp' ? node('udp-forward.mjs', port, upstream) : node('udp-echo.mjs', port)),
}

export function startSubject(name: SubjectName, place: Place): Program {
  const options: StartOptions = { errors: 'keep', folder: place.folder, ...(name === 'handler' ? { env: { LISTEN: `127.0.0.1:${place.port}` } } : {}) }
  return start(starts[name](place), [], options)
}

function written({ folder }: Place, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function haproxy({ port, upstream }: Place): string {
  return `global
  maxconn 4500
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
listen relay
  bind 127.0.0.1:${port}
  option splice-auto
  server upstream 127.0.0.1:${upstream}
`
}

const nginxModule = '/usr/lib/nginx/modules/ngx_stream_module.so'

function nginx({ role, port, upstream, folder }: Place): string {
  const how = role === 'udp' ? 'proxy_timeout 60s;' : 'proxy_buffer_size 64k;'
  return `load_module ${nginxModule};
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 18000; multi_accept on; }
stream { server { listen 127.0.0.1:${port}${role === 'udp' ? ' udp' : ''}; proxy_pass 127.0.0.1:${upstream}; ${how} } }
`
}

/** How a program says its version, where it is one that has to be installed. */
const installed: Readonly<Partial<Record<SubjectName, readonly [program: string, option: string, version: RegExp]>>> = {
  haproxy: ['haproxy', '-v', /version (\d[\d.]*)/],
  nginx: ['nginx', '-v', /nginx\/(\d[\d.]*)/],
  socat: ['socat', '-V', /version (\d[\d.]*)/],
  coturn: ['turnserver', '--version', /^(\d[\d.]*)/m],
}

/** The version of a subject; `why` it cannot be measured here. */
export function found(name: SubjectName): { readonly version: string } | { readonly why: string } {
  if (name === 'node') return { version: process.version.slice(1) }
  const entry = installed[name]
  if (entry === undefined) return { version: '' }
  const [program, option, version] = entry
  if (!onPath(program)) return { why: 'not installed, see bench/peers/install.sh' }
  if (name === 'nginx' && !existsSync(nginxModule)) return { why: 'has no stream module, see bench/peers/install.sh' }
  const { stdout, stderr } = spawnSync(program, [option], { encoding: 'utf8' })
  return { version: version.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown' }
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
