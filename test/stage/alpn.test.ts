import assert from 'node:assert/strict'
import { alpn, close, listen as from, otherwise, pipe, reset, route, tcp, when } from '../../lib/index.ts'
import { clientHello } from '../support/client-hello.ts'
import { child, plainEnv } from '../support/child.ts'
import { matcherCases } from '../support/matcher-cases.ts'
import { program } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'

matcherCases(alpn('h2'), [
  ['a hello without ALPN', clientHello('a.example'), 'no'],
  ['a request', 'GET / HTTP/1.1\r\n', 'no'],
])

for (const thread of threads) {
  describe(`alpn with openssl s_client, ${thread} thread`, () => {
    const reasonFor = async (...options: string[]): Promise<string> => {
      let reason = ''
      await withRelay(pipe(from(tcp('127.0.0.1:0')), route(when(alpn('acme-tls/1', 'h2'), close()), otherwise(reset()))), { thread }, async (relay) => {
        await using client = child(program('openssl', 'openssl'), ['s_client', '-connect', relay.address, ...options], { env: plainEnv() })
        await client.exited
        reason = (await relay.close()).reason
      })
      return reason
    }

    it('yes where one of them is offered, alone or among others', async () => {
      assert.equal(await reasonFor('-alpn', 'http/1.1,h2'), 'closedByPlan')
      assert.equal(await reasonFor('-alpn', 'acme-tls/1', '-noservername'), 'closedByPlan')
    })

    it('no where none of them is, or nothing at all', async () => {
      assert.equal(await reasonFor('-alpn', 'http/1.1,h2c'), 'resetByPlan')
      assert.equal(await reasonFor(), 'resetByPlan')
    })
  })
}
