/** The command line of bench:peers. */
import assert from 'node:assert/strict'
import { committedResult, parseOptions } from '../../bench/peers/options.ts'
import { workloads } from '../../bench/peers/workloads.ts'

const namesOf = (...args: readonly string[]): readonly string[] => parseOptions(args).workloads.map(({ name }) => name)

describe('options of bench:peers', () => {
  it('measures everything three times for three seconds unless asked otherwise', () => {
    const { secs, rounds, workloads: all, subjects, json } = parseOptions([])
    assert.deepEqual([secs, rounds, json], [3, 3, undefined])
    assert.deepEqual(all, workloads)
    assert.deepEqual([...subjects].sort(), ['c', 'coturn', 'handler', 'haproxy', 'nginx', 'node', 'ours', 'socat'])
  })

  it('takes workloads by name and by kind, in their own order', () => {
    assert.deepEqual(namesOf('--only', 'stun,tcp.bulk16'), ['tcp.bulk16', 'stun.clients1', 'stun.clients200'])
  })

  it('measures ours beside whichever peers are named', () => {
    assert.deepEqual(parseOptions(['--peers', 'nginx']).subjects, ['ours', 'handler', 'nginx'])
  })

  it('writes to the committed result where --json names no file', () => {
    assert.equal(parseOptions(['--json', 'here.json']).json, 'here.json')
    assert.equal(parseOptions(['--json']).json, committedResult)
  })

  for (const [args, message] of [
    [['--secs', '0'], /must be a number from 0\.1 to 60/],
    [['--secs', ''], /must be a number from 0\.1 to 60/],
    [['--rounds', '1.5'], /must be an integer from 1 to 99/],
    [['--only', 'tcp.bulk17'], /"tcp\.bulk17" is not known: did you mean "tcp\.bulk1"\?/],
    [['--only', ''], /"" is not known: known are tcp, udp, echo, stun, tcp\.bulk1/],
    [['--peers', 'haprxy'], /"haprxy" is not known: did you mean "haproxy"\?/],
    [['--peers', 'ours'], /"ours" is not known/],
    [['--round', '2'], /unknown option '--round'/],
    [['tcp'], /too many arguments/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(() => parseOptions(args), message)
    })
  }
})
