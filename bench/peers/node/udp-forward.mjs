// A relay of datagrams in plain Node, a socket for each flow: node udp-forward.mjs PORT UPSTREAM_PORT
import dgram from 'node:dgram'

const [port, upstream] = process.argv.slice(2).map(Number)
const flows = new Map()
const listener = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
listener.on('message', (bytes, { address, port }) => {
  const name = `${address}:${port}`
  const flow = flows.get(name)
  if (flow === undefined) open(name, address, port, bytes)
  else if (flow.connected) flow.socket.send(bytes)
})
listener.bind(port, '127.0.0.1')

function open(name, address, port, first) {
  const flow = { socket: dgram.createSocket('udp4'), connected: false }
  flows.set(name, flow)
  flow.socket.on('message', (bytes) => listener.send(bytes, port, address))
  flow.socket.connect(upstream, '127.0.0.1', () => {
    flow.connected = true
    flow.socket.send(first)
  })
}
