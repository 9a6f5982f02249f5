// Sends datagrams back in plain Node: node udp-echo.mjs PORT
import dgram from 'node:dgram'

const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
socket.on('message', (bytes, { address, port }) => socket.send(bytes, port, address))
socket.bind(Number(process.argv[2]), '127.0.0.1')
