/** Doctor on the machine that the tests run on: what it says is compared with what others say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import * as asked from '../../lib/doctor/asked.ts'
import { usableCpus } from '../../lib/doctor/cpus.ts'
import { hardLimit } from '../../lib/doctor/descriptors.ts'
import { examine } from '../../lib/doctor/examine.ts'
import { isUnseen } from '../../lib/doctor/facts.ts'
import { thisMachine } from '../../lib/doctor/machine.ts'
import { loadNative, probeNames } from '../../lib/native.ts'
import { run } from '../support/child.ts'
import { descriptors, openedSince } from '../support/descriptors.ts'

describe('doctor: this machine', () => {
  it('is examined without a failure, each check with something to say', async () => {
    const findings = examine(await thisMachine())
    assert.deepEqual(findings.filter(({ status }) => status === 'fail'), [])
    for (const { check, found } of findings) assert(found !== '' && !/undefined|NaN|\[object/.test(found), `${check}: ${found}`)
  })

  it('the probe answers everything, and leaves nothing open', () => {
    const native = loadNative()
    const before = descriptors()
    const answers = native.probe({ receiveBufferBytes: 65_536, sendBufferBytes: 65_536, pipeBytes: 65_536, datagramBytes: 800 })
    assert.deepEqual(openedSince(before), [])
    assert.deepEqual(Object.keys(answers), [...probeNames])
    const { receiveBufferBytes, sendBufferBytes, pipeBytes, reusePort, segmentedSend, trainDatagrams, spliced } = answers
    assert.deepEqual({ receiveBufferBytes, sendBufferBytes, pipeBytes, reusePort, segmentedSend, spliced }, { receiveBufferBytes: 65_536, sendBufferBytes: 65_536, pipeBytes: 65_536, reusePort: 0, segmentedSend: 800 * trainDatagrams, spliced: 4_096 })
  })

  it('a larger datagram is charged more, and nonsense is no crash', () => {
    const charged = (datagramBytes: number): number => loadNative().probe({ receiveBufferBytes: 1e9, sendBufferBytes: -5, pipeBytes: NaN, datagramBytes }).chargedBytes
    assert(charged(800) > 800 && charged(8_000) > charged(800) && charged(1e9) > 65_507)
    assert(charged(-1) > 0)
  })

  it('the limits and the CPUs are those that the shell and Node tell', async () => {
    const facts = await thisMachine()
    const { stdout } = await run('sh', ['-c', 'ulimit -Hn'])
    assert.equal(hardLimit(facts), stdout.trim() === 'unlimited' ? Infinity : Number(stdout))
    const cpus = usableCpus(facts)
    assert(!isUnseen(cpus) && Math.max(1, Math.floor(cpus)) >= availableParallelism(), JSON.stringify(cpus))
  })

  it('what a relay is said to ask for is what the addon asks for', () => {
    const source = (path: string): string => readFileSync(new URL(`../../addon/${path}`, import.meta.url), 'utf8')
    const value = (text: string, name: string): number => {
      const [, product = ''] = new RegExp(`${name} = ([\\d *]+);`).exec(text) ?? []
      return product.split('*').reduce((all, factor) => all * Number(factor), 1)
    }
    const socket = source('relay/datagram/datagram_socket.cc')
    const pool = source('core/pipe_pool.h')
    assert.equal(asked.sendBufferBytes, value(socket, 'listenerSendBuffer'))
    assert.equal(asked.flowReceiveBufferBytes, value(source('relay/datagram/datagram_socket.h'), 'flowReceiveBuffer'))
    assert.equal(asked.pipeBytes, value(pool, 'pipeBytes'))
    assert.equal(asked.leastPipeBytes, value(pool, 'leastPipeBytes'))
    assert.match(readFileSync(new URL('../../lib/serve.ts', import.meta.url), 'utf8'), new RegExp(`maxPipeBytes = ${asked.maxPipeBytes.toLocaleString('en').replaceAll(',', '_')}[,;]`))
    assert.equal(asked.receiveBufferBytes, 8_388_608)
    assert.equal(asked.backlog, 511)
  })
})
