/** `millrace demo`, which `npm start` runs: a port-forward to an HTTP server inside this process, something to try with curl. */
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { once } from 'node:events'
import { Command } from 'commander'
import { tcp } from '../endpoint.ts'
import { RelayError } from '../errors.ts'
import { listen, pipe } from '../pipe.ts'
import type { Pipeline } from '../pipe.ts'
import { forward } from '../sinks/forward.ts'
import { runRelay, startHere } from './relay-command.ts'

const wantedPort = 8080

export function demoCommand(): Command {
  return new Command('demo')
    .summary('forward a port to a small HTTP server in the same process')
    .description('Starts an HTTP server inside this process, forwards 127.0.0.1:8080 (or a free port) to it and shows live rates until Ctrl-C.')
    .action(async () => {
      const upstream = await startUpstream()
      const port = addressPort(upstream)
      const run = (listenPort: number): Promise<number> => runDemo(pipe(listen(tcp(`127.0.0.1:${listenPort}`)), forward(tcp(`127.0.0.1:${port}`))))
      try {
        process.exitCode = await run(wantedPort).catch((error: unknown) => {
          if (!(error instanceof RelayError) || error.code !== 'EADDRINUSE') throw error
          process.stdout.write(`port ${wantedPort} is taken, using a free one\n`)
          return run(0)
        })
      } finally {
        upstream.closeAllConnections()
        upstream.close()
      }
    })
}

function runDemo(pipeline: Pipeline<'stream'>): Promise<number> {
  return runRelay({
    command: 'demo',
    start: startHere([pipeline]),
    options: { stats: 1000, drain: 0 },
    onReady: (server, output) => {
      const at = `http://127.0.0.1:${server.addresses[0]?.port ?? wantedPort}`
      output.say(`try: curl ${at}/    or: curl ${at}/bytes/1000000000 -o /dev/null    end with Ctrl-C`, { type: 'notice', code: 'try', at })
    },
  })
}

/** Answers `/bytes/N` with N bytes and everything else with a greeting. */
async function startUpstream(): Promise<HttpServer> {
  const block = Buffer.alloc(256 * 1024, 'millrace ')
  const server = createServer((request, response) => {
    const bytes = Number(/^\/bytes\/(\d{1,12})$/.exec(request.url ?? '')?.[1] ?? -1)
    if (bytes < 0) {
      response.end(`Hello from behind the relay. You asked for ${request.url ?? '/'}\n`)
      return
    }
    let left = bytes
    response.setHeader('content-length', bytes)
    const more = (): void => {
      while (left > 0) {
        const chunk = block.subarray(0, left)
        left -= chunk.length
        if (!response.write(chunk)) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function addressPort(server: HttpServer): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
