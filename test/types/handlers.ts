/** Handlers: what they may answer, and that most of them may not be async. Nothing here runs. */
import { allow, choose, close, datagrams, decide, echo, filterDatagrams, inspect, more, pass, reject, replace, stream, transform } from '../../lib/index.ts'
import type { Sink, Stage } from '../../lib/index.ts'

export const accepted: readonly (Stage<'stream'> | Sink<'stream'>)[] = [
  inspect((head, session) => (head.length < 4 ? more() : replace(4, `${session.id} `))),
  inspect({ maxBytes: 512, timeoutMs: 2_000 }, (head) => (head[0] === 0 ? reject('zero', 'go away\n') : pass())),
  decide(() => pass()),
  decide({ timeoutMs: 1_000 }, async (_head, _session, signal) => (await Promise.resolve(signal.aborted) ? reject() : pass())),
  decide((head) => (head.length === 0 ? more() : Promise.resolve(pass()))),
  transform({ toUpstream: (chunk) => chunk, toDownstream: (chunk) => (chunk.length > 1 ? chunk.subarray(1) : null) }),
  choose({ a: echo(), b: [allow('10.0.0.0/8'), close()] }, (head) => (head[0] === 97 ? 'a' : 'b')),
  choose({ a: echo(), b: close() }, { minBytes: 1 }, async () => (await Promise.resolve(true) ? 'a' : reject('no'))),
  stream({
    data(session, chunk) {
      if (session.write(chunk)) session.pause()
    },
    drain(session) {
      session.resume()
    },
  }),
  stream((session) => ({
    open() {
      session.write('hello\n')
    },
    data() {},
    close(_session, event) {
      console.log(event.reason)
    },
  })),
]

// A path without a verdict.
inspect(
  // @ts-expect-error -- what is not empty has no verdict
  (head) => {
    if (head.length === 0) return more()
  },
)
inspect(
  { minBytes: 1 },
  // @ts-expect-error -- nothing is answered
  () => {},
)
decide(
  // @ts-expect-error -- a promise of nothing
  async (head) => {
    if (head.length === 0) return pass()
  },
)
transform({
  // @ts-expect-error -- null says that a chunk is dropped, nothing says nothing
  toUpstream: (chunk) => {
    if (chunk.length > 0) return chunk
  },
})
inspect(
  // @ts-expect-error -- true is no verdict
  () => true,
)
inspect(
  // @ts-expect-error -- the function, not what it answers
  () => pass,
)

// An async handler where the answer is needed at once.
inspect(
  // @ts-expect-error -- an async handler
  async () => pass(),
)
inspect(
  { maxBytes: 512 },
  // @ts-expect-error -- async, with options
  async () => pass(),
)
transform({
  // @ts-expect-error -- an async handler
  toDownstream: async (chunk) => chunk,
})
stream({
  // @ts-expect-error -- an async handler
  async data(session, chunk) {
    session.write(chunk)
  },
})
stream({
  data() {},
  // @ts-expect-error -- an async handler
  close: async () => {},
})
decide(
  // @ts-expect-error -- more() can be answered only at once
  async () => more(),
)

// The names of choose.
choose(
  { a: echo(), b: close() },
  // @ts-expect-error -- there is no branch c
  (head) => (head.length === 0 ? 'a' : 'c'),
)
choose(
  { a: echo(), b: close() },
  // @ts-expect-error -- nor in a promise
  async () => 'c',
)
choose(
  { a: echo(), b: close() },
  // @ts-expect-error -- pass to which?
  () => pass(),
)
choose(
  {
    a: echo(),
    // @ts-expect-error -- a branch without a sink
    b: [allow('10.0.0.0/8')],
  },
  () => 'a',
)

// @ts-expect-error -- data is what a stream is for
stream({ open() {} })

// Datagrams.
export const batches: readonly (Stage<'datagram'> | Sink<'datagram'>)[] = [
  datagrams((batch) => {
    for (const datagram of batch) batch.reply(datagram, datagram.length > 0 ? datagram.bytes : datagram.peer)
  }),
  filterDatagrams((batch) => {
    for (const datagram of batch) {
      if (datagram.bytes[0] === 0) batch.drop(datagram)
      else batch.replace(datagram, `${datagram.flow} ${datagram.listener}`)
    }
  }),
]
datagrams(
  // @ts-expect-error -- an async handler
  async (batch) => {
    for (const datagram of batch) batch.reply(datagram, 'x')
  },
)
filterDatagrams(
  // @ts-expect-error -- an async handler
  async () => {},
)
filterDatagrams({
  // @ts-expect-error -- an async handler of one direction
  toDownstream: async () => {},
})
datagrams(
  // @ts-expect-error -- what a handler answers is in the batch
  (batch) => batch.length,
)
datagrams((batch) => {
  for (const datagram of batch) {
    // @ts-expect-error -- a sink has nothing to let go on
    const { drop: _drop } = batch
    // @ts-expect-error -- bytes or text
    batch.reply(datagram, 1)
    // @ts-expect-error -- the datagram comes first
    batch.reply(datagram.bytes)
  }
})
