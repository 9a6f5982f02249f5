/** Files of networks: what they may have, what becomes of them in a plan, and when a change is taken. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNetworks, watchNetworks } from '../../lib/address-file.ts'
import { compile } from '../../lib/compile.ts'
import { withFiles } from '../../lib/files.ts'
import { allow, any, deny, echo, file, forward, listen, not, pipe, proxyProtocol, remoteAddress, route, serve, tcp, when } from '../../lib/index.ts'
import { temporaryFolder } from '../support/programs.ts'
import { within } from '../support/until.ts'
import { refused, rejected } from './refused.ts'
import { call } from './untyped.ts'

describe('a file of networks', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let path: string
  beforeEach(() => {
    folder = temporaryFolder()
    path = join(folder.path, 'allowed.txt')
  })
  afterEach(() => folder[Symbol.dispose]())

  it('has a CIDR or an address a line, comments, empty lines, and any line ends', async () => {
    writeFileSync(path, '\ufeff# office\r\n10.0.0.0/8 # all of it\r\n\r\n  192.0.2.1\n2001:DB8::/32\n#\n')
    assert.deepEqual(await readNetworks(path), ['10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32'])
    writeFileSync(path, '')
    assert.deepEqual(await readNetworks(path), [])
  })

  it('is refused with its name, and with the line where that is the reason', async () => {
    const source = listen(tcp('127.0.0.1:0'))
    const serving = () => serve(pipe(source, allow(file(path)), echo()))
    await assert.rejects(serving(), { name: 'RelayError', code: 'ENOENT', syscall: 'stat', address: path, node: 'file', message: `stat ENOENT ${path}` })
    writeFileSync(path, '10.0.0.0/8\n\n10.0.0.0/33\n')
    await rejected(serving(), 'ERR_MILLRACE_BAD_CIDR', `${path}:3: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32`)
    writeFileSync(path, '10.0.0.0/8, 11.0.0.0/8')
    await rejected(serving(), 'ERR_MILLRACE_BAD_CIDR', `${path}:1: "10.0.0.0/8, 11.0.0.0/8" is not a CIDR: an IPv4 prefix is 0 to 32`)
    truncateSync(path, 16_777_217)
    await rejected(serving(), 'ERR_MILLRACE_BAD_OPTION', `file: ${path} has 16777217 bytes, and 16777216 are the most`)
    await rejected(serve(pipe(source, allow(file(folder.path)), echo())), 'ERR_MILLRACE_BAD_OPTION', `file: ${folder.path} is not a file`)
    for (const bad of ['', 'a\0b', 1]) refused(() => call(file, bad), 'ERR_MILLRACE_BAD_OPTION', `file: expected a path such as "/etc/millrace/allowed.txt", not ${typeof bad === 'string' ? JSON.stringify(bad) : bad}`)
    await rejected(serve(pipe(listen(tcp('127.0.0.1:8080')), allow(file(path)), forward(tcp('127.0.0.1:1'))), { offload: 'nftables' }), 'ERR_MILLRACE_BAD_PIPELINE', 'allow[0]: cannot be offloaded to nftables: nobody would read its file again; write the networks themselves')
  })

  it('stands in the plan by its path, once, with what it has when that is known', async () => {
    writeFileSync(path, '10.1.0.0/16\n')
    const other = join(folder.path, 'other.txt')
    writeFileSync(other, '::1')
    const chain = route(when(any(not(remoteAddress(file(path), '192.0.2.0/24')), remoteAddress('198.51.100.0/24')), echo()))
    const pipeline = pipe(listen(tcp('127.0.0.1:0')), proxyProtocol({ from: [file(other)] }), deny(file(path)), allow('10.0.0.0/8', file(path), file(other)), chain)
    const [first, second, third] = await withFiles([compile(pipeline), compile(pipe(listen(tcp('127.0.0.1:0')), echo())), compile(pipe(listen(tcp('127.0.0.1:0')), allow(file(path)), echo()))])
    assert(first !== undefined)
    const { plan } = first
    assert.equal(second?.plan.files, undefined)
    assert.equal(third?.plan.files?.[0]?.cidrs, plan.files?.[1]?.cidrs, 'read once')
    assert.deepEqual(plan.files, [{ path: other, cidrs: ['::1/128'] }, { path, cidrs: ['10.1.0.0/16'] }])
    const [proxy, denied, allowed, routed] = plan.nodes
    assert.deepEqual([denied, allowed], [{ op: 'deny', cidrs: [], files: [path], next: 2 }, { op: 'allow', cidrs: ['10.0.0.0/8'], files: [path, other], next: 3 }])
    assert(proxy?.op === 'proxyProtocol' && routed?.op === 'route')
    assert.deepEqual([proxy.from, proxy.files], [[], [other]])
    assert.deepEqual(routed.when[0]?.matcher, {
      op: 'any',
      matchers: [{ op: 'not', matcher: { op: 'remoteAddress', cidrs: ['192.0.2.0/24'], files: [path] } }, { op: 'remoteAddress', cidrs: ['198.51.100.0/24'] }],
    })
    assert.equal(allow('10.0.0.0/8', file('/x')).shows, '10.0.0.0/8, file /x')
  })

  /** Looks when it is told to, and says what came of it. */
  async function watching(known: readonly string[]) {
    const told: string[] = []
    let look: () => void = () => undefined
    let scheduled: () => void = () => undefined
    const looked = async (act: () => void): Promise<readonly string[]> => {
      const next = new Promise<void>((resume) => { scheduled = resume })
      act()
      await within(next, 'the look to be over')
      return told.splice(0)
    }
    let stop: () => void = () => undefined
    const calledOff: boolean[] = []
    const begin = (): void => {
      stop = watchNetworks(path, {
        known,
        onNetworks: (cidrs) => void told.push(cidrs.join(' ')),
        onFailure: (message) => void told.push(message),
        schedule(act, ms) {
          assert.equal(ms, 1_000)
          look = act
          scheduled()
          return () => void calledOff.push(true)
        },
      })
    }
    assert.deepEqual(await looked(begin), [])
    return { look: () => looked(() => look()), stop: () => { stop(); return calledOff.length } }
  }

  it('is read when it has changed and then stood still from one look to the next, however it was replaced', async () => {
    writeFileSync(path, '10.0.0.0/8')
    const { look } = await watching(['10.0.0.0/8'])
    assert.deepEqual([await look(), await look()], [[], []])
    writeFileSync(path, '11.0.0.0/8\n')
    assert.deepEqual(await look(), [])
    appendFileSync(path, '12.0.0.0/8\n')
    assert.deepEqual([await look(), await look(), await look()], [[], ['11.0.0.0/8 12.0.0.0/8'], []])

    writeFileSync(`${path}.new`, '13.0.0.0/8')
    renameSync(`${path}.new`, path)
    assert.deepEqual([await look(), await look(), await look()], [[], ['13.0.0.0/8'], []])

    // As Kubernetes mounts a ConfigMap: the file is behind a link to a folder, and that link is replaced.
    for (const [name, text] of [['1', '14.0.0.0/8'], ['2', '15.0.0.0/8']] as const) {
      mkdirSync(join(folder.path, name))
      writeFileSync(join(folder.path, name, 'allowed.txt'), text)
    }
    symlinkSync('1', join(folder.path, 'data'))
    rmSync(path)
    symlinkSync('data/allowed.txt', path)
    assert.deepEqual([await look(), await look()], [[], ['14.0.0.0/8']])
    symlinkSync('2', join(folder.path, 'data.new'))
    renameSync(join(folder.path, 'data.new'), join(folder.path, 'data'))
    assert.deepEqual([await look(), await look(), await look()], [[], ['15.0.0.0/8'], []])
  })

  it('with a wrong line, or gone, is told once, and what it has later is taken', async () => {
    writeFileSync(path, '10.0.0.0/8')
    const { look } = await watching(['10.0.0.0/8'])
    await look()
    writeFileSync(path, '10.0.0.0/8\nten\n')
    const wrong = `${path}:2: "ten" is not a CIDR: "ten" is not an IPv4 or IPv6 address`
    assert.deepEqual([await look(), await look(), await look()], [[], [wrong], []])
    rmSync(path)
    assert.deepEqual([await look(), await look(), await look()], [[], [`stat ENOENT ${path}`], []])
    writeFileSync(path, '10.0.0.0/8')
    assert.deepEqual([await look(), await look(), await look()], [[], ['10.0.0.0/8'], []])
    writeFileSync(path, '# the same\n10.0.0.0/8')
    assert.deepEqual([await look(), await look(), await look()], [[], [], []])
  })

  it('is not looked at when nobody wants to know any more', async () => {
    writeFileSync(path, '10.0.0.0/8')
    const { stop } = await watching(['10.0.0.0/8'])
    assert.equal(stop(), 1)
  })
})
