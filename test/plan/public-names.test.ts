/** The public surface, name by name: a new one is a decision, and importing them all opens nothing. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import * as millrace from '../../lib/index.ts'
import { rejected } from './refused.ts'

const lib = join(import.meta.dirname, '../../lib')
const camel = (file: string): string => basename(file, '.ts').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

describe('the public names', () => {
  it('are these', () => {
    assert.deepEqual(
      Object.keys(millrace).sort(),
      [
        ...['tcp', 'udp', 'unix', 'file', 'parseEndpoint', 'listen', 'generate', 'pipe', 'isPipeline', 'serve', 'explain', 'explainNodes', 'closeReasons', 'dropReasons', 'RelayError'],
        ...['matches', 'readClientHello', 'readHttpRequest', 'readProxyHeader'],
        ...['pass', 'more', 'replace', 'reject', 'startsWith', 'encode', 'parseTlvs'],
        ...['allow', 'deny', 'limit', 'proxyProtocol', 'idleTimeout', 'halfCloseTimeout', 'maxDuration', 'highWater', 'throttle', 'keepAlive', 'inspect', 'decide', 'transform', 'filterDatagrams'],
        ...['remoteAddress', 'prefix', 'regexp', 'tls', 'sni', 'alpn', 'http', 'httpHost', 'httpPath', 'ssh', 'postgres', 'mysql', 'silent', 'mqtt', 'dns', 'wireguard', 'quic', 'proxyHeader', 'stunBinding', 'not', 'any'],
        ...['socks5', 'httpConnect', 'user', 'socks5Proxy', 'httpProxy'],
        ...['upstreams', 'srv', 'tcpCheck', 'sendExpect', 'dgramCheck'],
        ...['forward', 'echo', 'discard', 'stun', 'close', 'reset', 'stream', 'datagrams', 'route', 'when', 'otherwise', 'choose'],
      ].sort(),
    )
  })

  it('stand in the README, each part', () => {
    const text = readFileSync(join(lib, '../README.md'), 'utf8')
    const parts = ['stages', 'matchers', 'sinks'].flatMap((folder) => readdirSync(join(lib, folder)).map(camel))
    assert.deepEqual([...parts, 'unix', 'udp', 'generate', 'when', 'otherwise'].filter((name) => !text.includes(`\`${name}\``)), [])
  })

  it('bring the types that they need to a project that asks for none', () => {
    const dist = join(lib, '../dist/')
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, strict: true, skipLibCheck: false, types: [], noEmit: true }
    const program = ts.createProgram([join(dist, 'index.d.ts')], options)
    const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(dist))
    assert(ours.length > 30)
    const found = [...program.getGlobalDiagnostics(), ...ours.flatMap((file) => ts.getPreEmitDiagnostics(program, file))]
    assert.deepEqual(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')), [])
  })

  for (const folder of ['stages', 'matchers', 'sinks']) {
    it(`each file in lib/${folder} is named after what it exports`, () => {
      for (const file of readdirSync(join(lib, folder))) assert(camel(file) in millrace, file)
    })
  }

  it('load no addon before serve is called, which says how to build it', async () => {
    const before = process.env['MILLRACE_ADDON']
    process.env['MILLRACE_ADDON'] = '/nowhere/millrace.node'
    try {
      const { echo, listen, pipe, serve, tcp } = millrace
      await rejected(serve(pipe(listen(tcp('127.0.0.1:0')), echo())), 'ERR_MILLRACE_NO_ADDON', `serve: the addon cannot be loaded, build it with "npm run build:addon": Cannot find module '/nowhere/millrace.node'`)
    } finally {
      if (before === undefined) delete process.env['MILLRACE_ADDON']
      else process.env['MILLRACE_ADDON'] = before
    }
  })

  it('each has a comment that says what it is', () => {
    const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.startsWith('cli'))
    const index = readFileSync(join(lib, 'index.ts'), 'utf8')
    const names = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap((match) => (match[1] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== ''))
    assert(names.length > 80)
    const text = files.map((file) => readFileSync(join(lib, file), 'utf8')).join('\n')
    for (const name of names) {
      const declared = new RegExp(`\\*/\\n(?:export function ${name}[<(].*\\n)*export (?:async function|function|type|const|class) ${name}\\b`)
      assert.match(text, declared, `${name} has no TSDoc`)
    }
  })
})
