/** Endless writers: they write for as long as the other side takes, and count what they have handed to the kernel. */
import type { Socket } from 'node:net'

const block = Buffer.alloc(64 * 1024, 'millrace')

/** Keeps writing until the socket is destroyed; never more than one block waits in this process. */
export function pour(socket: Socket): void {
  const more = (): void => {
    while (!socket.destroyed && socket.writable && socket.write(block));
  }
  socket.on('drain', more)
  more()
}

/** What the kernel has taken from all of them. */
export const pouredBytes = (sockets: readonly Socket[]): number => sockets.reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0)
