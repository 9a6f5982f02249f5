/**
 * In debug mode handlers of datagrams see copies, in a memory that is taken away when they return. What was kept is then empty instead of
 * showing other datagrams, and is refused where it is used.
 */

export class DebugCopies {
  private memory = new ArrayBuffer(0)
  private readonly copies = new Map<number, Buffer>()
  private readonly over = new WeakSet<ArrayBufferLike>()

  /** Copies the bytes of these rows. */
  begin(rows: Int32Array, bytesOf: (row: number) => Buffer): void {
    this.memory = new ArrayBuffer(rows.reduce((sum, row) => sum + bytesOf(row).length, 0))
    let at = 0
    for (const row of rows) {
      const bytes = bytesOf(row)
      const copy = Buffer.from(this.memory, at, bytes.length)
      copy.set(bytes)
      this.copies.set(row, copy)
      at += bytes.length
    }
  }

  at(row: number): Buffer | undefined {
    return this.copies.get(row)
  }

  /** Other bytes stand in the place of these: what is done to the copy counts for nothing. */
  forget(row: number): void {
    this.copies.delete(row)
  }

  /** Copies back what was changed in place, and takes the memory away. */
  end(bytesOf: (row: number) => Buffer): void {
    for (const [row, copy] of this.copies) {
      if (copy.length > 0) bytesOf(row).set(copy) // it has none where the handler has given the memory away
    }
    this.copies.clear()
    this.over.add(this.memory)
    try {
      structuredClone(this.memory, { transfer: [this.memory] })
    } catch {
      // Then it cannot be taken away once more.
    }
  }

  /** Whether bytes are from an earlier call. */
  wasKept(bytes: Uint8Array): boolean {
    return this.over.has(bytes.buffer)
  }
}
