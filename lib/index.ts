/** The public names of millrace, all of them. */
// What the declarations speak of (Buffer, AbortSignal, Symbol.asyncDispose), also for a project whose `types` and `lib` do not have it.
/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
export { parseEndpoint, tcp, udp, unix } from './endpoint.ts'
export type { Endpoint, WithPort } from './endpoint.ts'
export { generate } from './generate.ts'
export type { GenerateOptions } from './generate.ts'
export { isPipeline, listen, pipe } from './pipe.ts'
export type { ListenOptions } from './pipe.ts'
export type { Branches, BranchesKind, Chain, Kind, KindAfter, KindOf, Matcher, Otherwise, Pipeline, Sink, Source, Stage, When } from './part.ts'
export type {
  ChooseHandler,
  ChunkHandler,
  DatagramFilter,
  DatagramHandler,
  DecideHandler,
  DecideVerdict,
  InspectHandler,
  InspectVerdict,
  StreamHandlers,
  StreamSource,
} from './handlers.ts'
export type { HeadOptions } from './head.ts'
export type { Datagram, DatagramBatch, FilterBatch } from './batch.ts'

export { allow } from './stages/allow.ts'
export { decide } from './stages/decide.ts'
export type { DecideOptions } from './stages/decide.ts'
export { deny } from './stages/deny.ts'
export { filterDatagrams } from './stages/filter-datagrams.ts'
export type { FilterDatagramsOptions } from './stages/filter-datagrams.ts'
export { halfCloseTimeout } from './stages/half-close-timeout.ts'
export { highWater } from './stages/high-water.ts'
export { idleTimeout } from './stages/idle-timeout.ts'
export { inspect } from './stages/inspect.ts'
export type { InspectOptions } from './stages/inspect.ts'
export { keepAlive } from './stages/keep-alive.ts'
export type { KeepAliveOptions } from './stages/keep-alive.ts'
export { limit } from './stages/limit.ts'
export type { LimitOptions } from './stages/limit.ts'
export { maxDuration } from './stages/max-duration.ts'
export { proxyProtocol } from './stages/proxy-protocol.ts'
export type { ProxyProtocolOptions } from './stages/proxy-protocol.ts'
export { throttle } from './stages/throttle.ts'
export type { DatagramThrottleOptions, ThrottleOptions } from './stages/throttle.ts'
export { transform } from './stages/transform.ts'
export type { TransformOptions } from './stages/transform.ts'

export { alpn } from './matchers/alpn.ts'
export { any } from './matchers/any.ts'
export { dns } from './matchers/dns.ts'
export { http } from './matchers/http.ts'
export { httpHost } from './matchers/http-host.ts'
export { httpPath } from './matchers/http-path.ts'
export { mqtt } from './matchers/mqtt.ts'
export { mysql } from './matchers/mysql.ts'
export { not } from './matchers/not.ts'
export { postgres } from './matchers/postgres.ts'
export { prefix } from './matchers/prefix.ts'
export { proxyHeader } from './matchers/proxy-header.ts'
export { remoteAddress } from './matchers/remote-address.ts'
export { silent } from './matchers/silent.ts'
export type { SilentOptions } from './matchers/silent.ts'
export { sni } from './matchers/sni.ts'
export { ssh } from './matchers/ssh.ts'
export { stunBinding } from './matchers/stun-binding.ts'
export { tls } from './matchers/tls.ts'
export { wireguard } from './matchers/wireguard.ts'

export { choose } from './sinks/choose.ts'
export type { ChooseBranch, ChooseOptions } from './sinks/choose.ts'
export { close } from './sinks/close.ts'
export { datagrams } from './sinks/datagrams.ts'
export { discard } from './sinks/discard.ts'
export { echo } from './sinks/echo.ts'
export { forward } from './sinks/forward.ts'
export type { DatagramForwardOptions, ForwardOptions } from './sinks/forward.ts'
export { reset } from './sinks/reset.ts'
export { otherwise, route, when } from './sinks/route.ts'
export { stream } from './sinks/stream.ts'
export { stun } from './sinks/stun.ts'
export type { StunOptions } from './sinks/stun.ts'

export { encode, more, pass, reject, replace, startsWith } from './verdict.ts'
export type { More, Pass, Reject, Replace } from './verdict.ts'

export { explain, explainNodes } from './explain.ts'
export type { ExplainedNode } from './explain.ts'
export { serve } from './serve.ts'
export type { ServeOptions } from './serve.ts'
export type { CloseOptions, Server, ServerAddress } from './server.ts'
export type { FlowCounts, FlowDirection, SessionInfo } from './session-info.ts'
export type { LoadReport } from './load.ts'
export type { CloseEvent, GeneratorNotice, ListenerNotice, NameNotice, OffloadNotice, OpenEvent, RelayEvent } from './events.ts'
export { closeReasons, dropReasons } from './ledger.ts'
export type { Account, Bytes, CloseReason, DatagramAccount, Datagrams, Dropped, DropReason, Ledger, Pipes } from './ledger.ts'
export type { NameAddress, Resolver } from './resolve.ts'
export type { Session, StreamSession } from './session.ts'
export { RelayError } from './errors.ts'
export type { RelayErrorFields } from './errors.ts'
