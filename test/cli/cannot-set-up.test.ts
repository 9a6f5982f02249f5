/** What is right on a command line and cannot be had: one line on stderr, nothing on stdout, and exit code 1. */
import assert from 'node:assert/strict'
import { complains, runCli, startCli } from '../support/cli.ts'
import { connect, listen } from '../support/peers.ts'
import { udpPeer } from '../support/udp-peers.ts'

const from = 'tcp://127.0.0.1:0'
const to = 'tcp://127.0.0.1:9'
const udpTo = 'udp://127.0.0.1:9'

describe('bad input: what cannot be set up', () => {
  it('a port in use', async () => {
    const taken = await listen()
    await complains(['forward', `tcp://${taken.address}`, to], `millrace: forward: listen EADDRINUSE ${taken.address}`, 1)
    await complains(['echo', `tcp://${taken.address}`], `millrace: echo: listen EADDRINUSE ${taken.address}`, 1)
    await taken.close()
  })

  it('a udp port in use', async () => {
    const taken = await udpPeer()
    await complains(['forward', `udp://${taken.address}`, udpTo], `millrace: forward: listen EADDRINUSE ${taken.address}`, 1)
    await taken.close()
  })

  it('a forward to itself', async () => {
    for (const net of ['tcp', 'udp']) {
      const message = `millrace: forward: forward: ${net} 127.0.0.1:7000 is where it comes from: the pipeline listens to ${net} 0.0.0.0:7000`
      await complains(['forward', `${net}://0.0.0.0:7000`, `${net}://127.0.0.1:7000`], message, 1)
    }
  })

  it('an address that is not ours', async () => {
    await complains(['echo', 'tcp://192.0.2.1:7000'], 'millrace: echo: listen EADDRNOTAVAIL 192.0.2.1:7000', 1)
  })

  it('a privileged port', async () => {
    // Root without this one capability is refused like everybody else.
    const under = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-net_bind_service', '--inh-caps', '-net_bind_service'] : []
    await complains(['forward', 'tcp://127.0.0.1:80', to], 'millrace: forward: listen EACCES 127.0.0.1:80 (ports below 1024 need CAP_NET_BIND_SERVICE)', 1, { under })
  })

  it('a name to listen on that does not resolve', async () => {
    const { code, stderr } = await runCli(['forward', 'tcp://nowhere.invalid:8080', to])
    // EAI_AGAIN where there is no name server to ask.
    assert.match(stderr, /^millrace: forward: getaddrinfo (ENOTFOUND|EAI_AGAIN) nowhere\.invalid\n$/)
    assert.equal(code, 1)
  })

  it('a name to connect to that does not resolve is said, and delays only its own sessions', async () => {
    await using program = startCli(['forward', from, 'tcp://nowhere.invalid:80'])
    const [, address = ''] = await program.line(/^listening tcp (\S+) -> tcp nowhere\.invalid:80$/)
    await program.line(/^millrace: forward: nowhere\.invalid does not resolve/)
    const peer = await connect(address)
    peer.destroy()
    program.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
  })

  it('a unix socket in a folder that is not there', async () => {
    await complains(['echo', 'unix:///nowhere/at/all.sock'], 'millrace: echo: listen ENOENT /nowhere/at/all.sock', 1)
  })
})
