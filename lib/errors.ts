/** What `lib` throws. Anything a peer can cause is not here: that is a `CloseReason`. */

/** The codes of misuse; a failed system call has the kernel's code instead, such as `EADDRINUSE`. */
export type MisuseCode =
  | 'ERR_MILLRACE_BAD_ADDRESS'
  | 'ERR_MILLRACE_BAD_CIDR'
  | 'ERR_MILLRACE_BAD_OPTION'
  | 'ERR_MILLRACE_UNKNOWN_OPTION'
  | 'ERR_MILLRACE_BAD_PIPELINE'
  | 'ERR_MILLRACE_OPEN_PROXY'
  | 'ERR_MILLRACE_BAD_VERDICT'
  | 'ERR_MILLRACE_WRITE_AFTER_END'

/** What a `RelayError` tells beside its message; the names are those of Node's SystemError. */
export type RelayErrorFields = {
  readonly code: string
  /** Negative, as Node has it. */
  readonly errno?: number
  readonly syscall?: string
  readonly address?: string
  readonly port?: number
  readonly node?: string
}

/**
 * Misuse or a failure of set-up, thrown by the call that caused it. `code` tells which (`ERR_MILLRACE_…`, or the kernel's, such as
 * `EADDRINUSE`), `node` names the part of the pipeline, and the rest is that of Node's SystemError: see errno(3).
 */
export class RelayError extends Error {
  override readonly name = 'RelayError'
  readonly code: string
  readonly errno?: number
  readonly syscall?: string
  readonly address?: string
  readonly port?: number
  /** The part of the pipeline, such as `allow`, or with its way there: `route[1].when[0].forward[0]`. */
  readonly node?: string

  constructor(message: string, fields: RelayErrorFields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = fields.code
    if (fields.errno !== undefined) this.errno = fields.errno
    if (fields.syscall !== undefined) this.syscall = fields.syscall
    if (fields.address !== undefined) this.address = fields.address
    if (fields.port !== undefined) this.port = fields.port
    if (fields.node !== undefined) this.node = fields.node
  }
}

/** An error of misuse: `allow: "10.0.0.0/33" is not a CIDR: …`, where `node` is what stands before the first colon. */
export function misuse(code: MisuseCode, node: string, problem: string): RelayError {
  return new RelayError(`${node}: ${problem}`, { code, node })
}

/** What a thrown value says of itself. Anything may be thrown, also what throws again when it is looked at. */
export function safely(text: () => string): string {
  try {
    const said: unknown = text()
    if (typeof said === 'string') return said
  } catch {
    // The next line says all there is to say.
  }
  return 'something that cannot be shown'
}

function textOf(error: object, key: string): string | undefined {
  const value: unknown = Reflect.get(error, key)
  return typeof value === 'string' ? value : undefined
}

function numberOf(error: object, key: string): number | undefined {
  const value: unknown = Reflect.get(error, key)
  return typeof value === 'number' ? value : undefined
}

/**
 * A failed system call with Node's message for it, `listen EADDRINUSE 127.0.0.1:8080`; an error without code and syscall is
 * returned as it is.
 */
export function systemError(cause: unknown, node: string): unknown {
  if (typeof cause !== 'object' || cause === null || cause instanceof RelayError) return cause
  const [code, syscall] = [textOf(cause, 'code'), textOf(cause, 'syscall')]
  if (code === undefined || syscall === undefined) return cause
  const [errno, address, port] = [numberOf(cause, 'errno'), textOf(cause, 'address') ?? textOf(cause, 'hostname') ?? textOf(cause, 'path'), numberOf(cause, 'port')]
  const host = address?.includes(':') === true && port !== undefined ? `[${address}]` : address
  const where = host === undefined ? '' : port === undefined || host.startsWith('/') ? ` ${host}` : ` ${host}:${port}`
  return new RelayError(
    `${syscall} ${code}${where}`,
    {
      code,
      syscall,
      node,
      ...(errno === undefined ? {} : { errno }),
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port }),
    },
    cause,
  )
}
