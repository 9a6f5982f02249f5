/** PostgreSQL behind `millrace forward`: psql queries, a COPY each way, and pgbench without a failed transaction. */
import assert from 'node:assert/strict'
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { child, plainEnv, run, type Child, type ChildOptions } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { postgresFolders, program, temporaryFolder } from '../support/programs.ts'
import { unusedPort } from '../support/unused-ports.ts'

describe('PostgreSQL behind forward', () => {
  const folder = temporaryFolder()
  const data = join(folder.path, 'data')
  let postgres: Child
  let relay: ForwardProcess

  before(async () => {
    const folders = postgresFolders()
    const binary = program('postgres', 'postgresql', folders)
    const as = await account()
    if (as.uid !== undefined && as.gid !== undefined) chownSync(folder.path, as.uid, as.gid)
    await run(program('initdb', 'postgresql', folders), ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync'], { ...as, cwd: folder.path })
    const port = await unusedPort()
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'].flatMap((setting) => ['-c', setting])
    postgres = child(binary, ['-D', data, '-p', String(port), ...settings], { ...as, cwd: folder.path, env: plainEnv() })
    await postgres.line(/database system is ready to accept connections/)
    relay = await forwardProcess(port)
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    postgres.kill('SIGINT')
    await postgres.exited
    folder[Symbol.dispose]()
  })

  const target = () => ['-h', '127.0.0.1', '-p', String(relay.port), '-U', 'postgres']
  const psql = async (...commands: string[]) =>
    (await run(program('psql', 'postgresql-client'), [...target(), '-XAtq', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])])).stdout

  it('psql asks and is answered', async () => {
    assert.equal(await psql('select 6 * 7'), '42\n')
  })

  it('a million rows go down and up by COPY and are the same', async () => {
    const copy = join(folder.path, 'rows.copy')
    const digest = 'select count(*), md5(string_agg(id || text, null order by id))'
    const printed = await psql(
      'create table rows as select id, md5(id::text) as text from generate_series(1, 1000000) id',
      'create table again (like rows)',
      `\\copy rows to '${copy}'`,
      `\\copy again from '${copy}'`,
      `${digest} from rows`,
      `${digest} from again`,
    )
    const [first, second] = printed.trim().split('\n')
    assert.match(first ?? '', /^1000000\|/)
    assert.equal(second, first)
  })

  it('pgbench ends without a failed transaction', async () => {
    const pgbench = program('pgbench', 'postgresql', postgresFolders())
    await run(pgbench, [...target(), '-i', '-q', '-s', '2', 'postgres'])
    for (const flags of [[], ['-C']]) {
      const { stdout, stderr } = await run(pgbench, [...target(), '-c', '8', '-j', '2', '-T', '4', ...flags, 'postgres'])
      console.log(`      ${flags.length === 0 ? 'kept' : 'a connection each'}: ${/tps = .*/.exec(stdout)?.[0] ?? ''}`)
      assert.match(stdout, /number of failed transactions: 0 /)
      assert.doesNotMatch(stderr, /error|aborted/i)
    }
  })
})

/** PostgreSQL refuses to run as root, so as root it runs as the user that its package made. */
async function account(): Promise<Pick<ChildOptions, 'uid' | 'gid'>> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = [await run('id', ['-u', 'postgres']), await run('id', ['-g', 'postgres'])]
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}
