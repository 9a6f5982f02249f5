/**
 * `--expose-gc keeps-bytes-child.ts`: handlers of every kind keep each view they are given, and a copy of every tenth, while garbage is
 * collected at every turn; the copies are compared and the views read when the relay is long gone. Prints what it has kept.
 */
import { decide, echo, forward, inspect, listen, pass, pipe, serve, stream, tcp, transform, type Session } from '../../lib/index.ts'
import { connect, sha256 } from './peers.ts'

const collect = globalThis.gc
if (collect === undefined) throw new Error('usage: node --expose-gc --import tsx keeps-bytes-child.ts')

type Copy = { readonly bytes: Buffer; readonly sha256: string }
const views: Buffer[] = []
const heads: Copy[] = []
const copies: Copy[] = []
let previous: Buffer | undefined

function keep(bytes: Buffer): void {
  views.push(bytes)
  if (views.length % 10 !== 0) return
  const copy = Buffer.from(bytes)
  copies.push({ bytes: copy, sha256: sha256(copy) })
}

/** Puts a view that was valid once in front: what is in it is anybody's guess, that it is there is not. */
function withPrevious(chunk: Buffer): Buffer {
  const both = previous === undefined ? chunk : Buffer.concat([previous.subarray(0, 1), chunk.subarray(1)])
  previous = chunk
  return both
}

async function relayed(): Promise<void> {
  const source = listen(tcp('127.0.0.1:0'))
  await using far = await serve(pipe(source, stream({ data: (session, chunk) => { keep(chunk); session.write(withPrevious(chunk)) } })), { debug: true })
  const upstream = far.addresses[0]?.text ?? ''
  const chunks = (chunk: Buffer, _session: Session): Buffer => { keep(chunk); return chunk }
  await using near = await serve([
    pipe(source, inspect((head) => { keep(head); return pass() }), decide((head) => { heads.push({ bytes: head, sha256: sha256(head) }); return pass() }), transform({ toUpstream: chunks, toDownstream: chunks }), forward(tcp(upstream))),
    pipe(source, transform({ toUpstream: (chunk) => withPrevious(chunk), toDownstream: (chunk) => chunk.subarray(0) }), echo()),
  ], { debug: true })
  const collecting = setInterval(() => { collect?.() }, 1)
  for (const address of near.addresses) {
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 10 }, async (_, i) => {
        const client = await connect(address.text)
        const sent = Buffer.alloc(200_000, `session ${i} of round ${round} `)
        await client.end(sent)
        const { bytes, ending } = await client.readAll()
        if (bytes !== sent.length || ending !== 'fin') throw new Error(`${bytes} bytes, then ${ending}`)
      }))
    }
  }
  clearInterval(collecting)
}

await relayed()
for (let i = 0; i < 5; i++) {
  await new Promise((resume) => setImmediate(resume))
  collect()
}
const all = Buffer.concat(views) // reads every byte
const changed = [...copies, ...heads].filter((copy) => sha256(copy.bytes) !== copy.sha256).length
console.log(`kept ${views.length} views of ${all.length} bytes, ${copies.length} copies, ${heads.length} heads, ${changed} changed`)
