/**
 * Stands in front of a game server and keeps away what would only cost it time. The game is made up; its datagrams begin with four letters:
 *   PLAY, two bytes that say how many follow, and those        the game itself
 *   INFO, and anything up to 64 bytes                          a server browser asks what is played
 *
 *   npx millrace run examples/game-server-filter.ts
 *   (in another terminal)  socat -u UDP-RECV:27016,bind=127.0.0.1 -
 *   printf 'PLAY\0\5hello' | nc -u -w 1 127.0.0.1 27015        is shown there, and nothing that begins otherwise
 *
 * What begins otherwise and what exceeds a rate is dropped natively. The rest takes code, which sees a batch at a time: a PLAY that was
 * cut, and an INFO that is shorter than its answer, since with a forged sender that would flood somebody else for little effort.
 */
import { close, filterDatagrams, forward, idleTimeout, listen, otherwise, pipe, prefix, route, throttle, udp, when } from 'millrace'

const { LISTEN = '127.0.0.1:27015', UPSTREAM = '127.0.0.1:27016' } = process.env
const headerBytes = 6
const infoBytes = 64

const onlyWhole = filterDatagrams((batch) => {
  for (const datagram of batch) {
    const { bytes, length } = datagram
    if (length < headerBytes || length !== headerBytes + bytes.readUInt16BE(4)) batch.drop(datagram)
  }
})

const onlyPadded = filterDatagrams((batch) => {
  for (const datagram of batch) if (datagram.length < infoBytes) batch.drop(datagram)
})

export default pipe(
  listen(udp(LISTEN), { maxFlowsPerAddress: 64 }),
  idleTimeout(30_000),
  route(
    when(prefix('PLAY'), throttle({ datagramsPerSecond: 128, direction: 'toUpstream' }), onlyWhole, forward(udp(UPSTREAM))),
    when(prefix('INFO'), throttle({ datagramsPerSecond: 2, burstDatagrams: 5, direction: 'toUpstream' }), onlyPadded, forward(udp(UPSTREAM))),
    otherwise(close()),
  ),
)
