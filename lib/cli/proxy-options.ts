/** What `millrace socks5` and `millrace http-proxy` have in common: their options, and the way from them to a pipeline. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseCidr } from '../address.ts'
import { formatEndpoint } from '../endpoint.ts'
import { RelayError } from '../errors.ts'
import type { Sink } from '../part.ts'
import { listen, pipe } from '../pipe.ts'
import { user } from '../proxy/user.ts'
import type { User } from '../proxy/user.ts'
import { socks5 } from '../sinks/socks5.ts'
import type { Socks5Options } from '../sinks/socks5.ts'
import type { AnyPipeline } from './endpoints.ts'
import { endpoint } from './endpoints.ts'
import { addRelayOptions, runRelay, startHere } from './relay-command.ts'
import { add, addSessionOptions, connectingOf, listFor, streamStagesOf } from './session-options.ts'
import type { SessionOptions } from './session-options.ts'
import { duration } from './units.ts'
import { fromOption, usage } from './usage.ts'

type Options = SessionOptions & {
  readonly allowDestination?: readonly string[]
  readonly denyDestination?: readonly string[]
  readonly allowPort?: readonly string[]
  readonly user?: readonly User[]
  readonly handshakeTimeout?: number
  readonly openProxy?: true
  readonly udp?: true
}

/** The command with its options; `make` is its sink. */
export function proxyCommand(command: Command, defaultPorts: string, make: (options: Socks5Options) => Sink<'stream'>): Command {
  command
    .argument('<listen>', 'where to listen, such as tcp://127.0.0.1:3128; elsewhere than on the loopback it needs --user, --allow, --allow-destination or --open-proxy')
    .option('--allow-destination <cidr>', 'let clients go there, into private networks too, and nowhere else (repeatable; default: everything public); 0.0.0.0/0 and ::/0 are what is public, localhost needs 127.0.0.0/8 and ::1; with --via this is for addresses only, names are the last proxy\'s to resolve and to refuse',
      listFor('--allow-destination', (cidr) => parseCidr('socks5', cidr)))
    .option('--deny-destination <cidr>', 'let no client go there (repeatable); with --via as above', listFor('--deny-destination', (cidr) => parseCidr('socks5', cidr)))
    .option('--allow-port <port>', `let clients go to this port or range such as 8000-8999, and to no others (repeatable, one each; default: ${defaultPorts})`, listFor('--allow-port', (port) => socks5({ ports: [port] })))
    .option('--user <name:file>', 'who may log in, and the file that has the password; then nobody else may (repeatable)', (text: string, before: readonly User[] | undefined) => [...(before ?? []), readUser(text)])
    .option('--open-proxy', 'listen wherever LISTEN says, for everybody')
  add(command, '--handshake-timeout <duration>', 'how long a client may take to say where it wants to go (default: 10s)', (option, text) => {
    const handshakeTimeoutMs = duration(option, text)
    socks5({ handshakeTimeoutMs })
    return handshakeTimeoutMs
  })
  addSessionOptions(command)
  return addRelayOptions(command).action(async (listenAt: string, options: Options) => {
    const pipeline = pipelineOf(endpoint('LISTEN', listenAt), options, make)
    process.exitCode = await runRelay({ command: command.name(), start: startHere([pipeline]), options })
  })
}

function pipelineOf(from: ReturnType<typeof endpoint>, options: Options, make: (options: Socks5Options) => Sink<'stream'>): AnyPipeline {
  if (from.kind === 'datagram') throw usage(`LISTEN is ${formatEndpoint(from.at)}: expected tcp://HOST:PORT or unix:///PATH`)
  const { allowDestination, denyDestination, allowPort, user: auth, handshakeTimeout, openProxy, udp } = options
  const source = fromOption('LISTEN', () => listen(from))
  const sink = fromOption(udp === undefined ? '--user' : '--udp', () => make({
    ...connectingOf(options),
    ...(allowDestination === undefined ? {} : { allow: allowDestination }),
    ...(denyDestination === undefined ? {} : { deny: denyDestination }),
    ...(allowPort === undefined ? {} : { ports: allowPort }),
    ...(auth === undefined ? {} : { auth }),
    ...(handshakeTimeout === undefined ? {} : { handshakeTimeoutMs: handshakeTimeout }),
    ...(openProxy === undefined ? {} : { openProxy }),
    ...(udp === undefined ? {} : { udp }),
  }))
  try {
    return pipe(source, ...streamStagesOf(options), sink)
  } catch (error) {
    if (!(error instanceof RelayError) || error.code !== 'ERR_MILLRACE_OPEN_PROXY') return fromOption('LISTEN', () => { throw error })
    throw usage(`LISTEN: ${formatEndpoint(from.at)} would be open to whoever reaches it: add --user, --allow${options.via === undefined ? ', --allow-destination' : ''} or, if that is meant, --open-proxy`)
  }
}

/** The password is the file's first line. */
function readUser(text: string): User {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) throw usage(`--user: expected NAME:PASSWORD-FILE, not "${text}"`)
  const [name, file] = [text.slice(0, colon), text.slice(colon + 1)]
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    throw usage(`--user: the password of "${name}" cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return fromOption('--user', () => user(name, content.split(/\r?\n/, 1)[0] ?? ''))
}
