/**
 * What a relay asks of the kernel, in one place for the checks. The defaults of `listen` are taken from it; the other numbers are those of the
 * addon, and a test compares them.
 */
import { tcp, udp } from '../endpoint.ts'
import { listen } from '../pipe.ts'

const { receiveBufferBytes, maxFlows } = listen(udp('127.0.0.1:1'))

/** Of every UDP listener, and the flows that it may have. */
export { receiveBufferBytes, maxFlows }

/** Sessions that may wait to be accepted. */
export const { backlog } = listen(tcp('127.0.0.1:1'))

/** Of every UDP listener: `listenerSendBuffer` in addon/relay/datagram/datagram_socket.cc. */
export const sendBufferBytes = 4_194_304

/** Of a flow's socket: `flowReceiveBuffer` in addon/relay/datagram/datagram_socket.h. */
export const flowReceiveBufferBytes = 1_048_576

/** Of each pipe of a loop: `pipeBytes` in addon/core/pipe_pool.h; with less than `leastPipeBytes` bytes are copied. */
export const pipeBytes = 1_048_576
export const leastPipeBytes = 524_288

/** What all pipes of a loop may hold: `maxPipeBytes` of `serve`. */
export const maxPipeBytes = 33_554_432

/** Pending bytes of all sessions of a thread, and of one direction of a session: `maxPendingBytes` of `serve`, `highWater`. */
export const maxPendingBytes = 268_435_456
export const highWaterBytes = 262_144

/** The datagrams that examples are made of. */
export const exampleDatagramBytes = 800

/** What a process of Node with one relay has open before the first session, measured; rounded up. */
export const ownDescriptors = 32

/** What a flow costs: user memory as measured by test/datagram/many-flows.test.ts, and the kernel's objects for a socket (Linux 6.x, x86-64). */
export const knownUserBytesPerFlow = 482
export const knownKernelBytesPerFlow = 2_752
