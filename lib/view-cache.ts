/** Buffers that show parts of one memory, one a row, made again only where a row shows another part than before. */

export class ViewCache {
  /** All of it. */
  readonly bytes: Buffer
  private readonly memory: ArrayBuffer
  private readonly views: Buffer[]
  private readonly offsets: Int32Array
  private readonly lengths: Int32Array

  constructor(memory: ArrayBuffer, rows: number) {
    this.memory = memory
    this.bytes = Buffer.from(memory)
    this.views = Array.from({ length: rows }, () => this.bytes)
    this.offsets = new Int32Array(rows).fill(-1)
    this.lengths = new Int32Array(rows).fill(-1)
  }

  /** The `length` bytes from `offset` on, for this row. */
  at(row: number, offset: number, length: number): Buffer {
    const view = this.views[row]
    if (view !== undefined && this.offsets[row] === offset && this.lengths[row] === length) return view
    this.offsets[row] = offset
    this.lengths[row] = length
    return (this.views[row] = this.bytes.subarray(offset, offset + length))
  }

  /**
   * Where these bytes are, if they lie within the `length` bytes from `offset` on; -1 where not, and also for a part that begins at 0, which
   * may then be copied: the test of their memory costs more than that for a small array of another kind.
   */
  placeOf(row: number, offset: number, length: number, bytes: Uint8Array): number {
    if (this.views[row] === bytes && this.offsets[row] === offset && this.lengths[row] === length) return offset
    const { byteOffset } = bytes
    if (byteOffset === 0 || byteOffset < offset || byteOffset + bytes.length > offset + length) return -1
    return bytes.buffer === this.memory ? byteOffset : -1
  }
}
