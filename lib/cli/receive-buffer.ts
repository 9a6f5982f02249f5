/** `--receive-buffer SIZE`, and what the kernel made of it. */
import type { Command } from 'commander'
import { udp } from '../endpoint.ts'
import type { Kind, Sink } from '../part.ts'
import { listen, pipe } from '../pipe.ts'
import type { Server } from '../server.ts'
import type { AnyEndpoint, AnyPipeline } from './endpoints.ts'
import { refuseOthers } from './endpoints.ts'
import { bytesText } from './quantities.ts'
import { size } from './units.ts'
import { fromOption } from './usage.ts'

export type ReceiveBuffer = { readonly receiveBuffer?: number }

export function addReceiveBuffer(command: Command): Command {
  return command.option('--receive-buffer <size>', 'udp: what the kernel may keep for a listener, such as 32MiB (default: 8MiB)', (text) => {
    const receiveBufferBytes = size('--receive-buffer', text)
    fromOption('--receive-buffer', () => listen(udp('127.0.0.1:1'), { receiveBufferBytes }))
    return receiveBufferBytes
  })
}

/** A listener with a sink behind it that takes everything. */
export function pipelineInto(sink: Sink<Kind>, at: AnyEndpoint, options: ReceiveBuffer): AnyPipeline {
  refuseOthers(at.kind, options, { '--receive-buffer': 'datagram' })
  const { receiveBuffer } = options
  if (at.kind === 'stream') return pipe(listen(at), sink)
  return pipe(listen(at, receiveBuffer === undefined ? {} : { receiveBufferBytes: receiveBuffer }), sink)
}

/** What to say, if anything, where the kernel gave less than was asked for: see net.core.rmem_max in socket(7). */
export function bufferWarning({ addresses }: Pick<Server, 'addresses'>, { receiveBuffer = 0 }: ReceiveBuffer): readonly string[] {
  const small = addresses.find(({ receiveBufferBytes = Infinity }) => receiveBufferBytes < receiveBuffer)
  if (small?.receiveBufferBytes === undefined) return []
  return [`udp ${small.text} got a receive buffer of ${bytesText(small.receiveBufferBytes)} and not ${bytesText(receiveBuffer)}: raise net.core.rmem_max`]
}
