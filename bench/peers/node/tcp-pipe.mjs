// A relay of streams in plain Node: node tcp-pipe.mjs PORT UPSTREAM_PORT
import net from 'node:net'

const [port, upstream] = process.argv.slice(2).map(Number)
const server = net.createServer({ noDelay: true }, (client) => {
  const server = net.connect({ host: '127.0.0.1', port: upstream, noDelay: true })
  client.on('error', () => server.destroy())
  server.on('error', () => client.destroy())
  client.pipe(server).pipe(client)
})
server.listen({ host: '127.0.0.1', port, backlog: 4096 })
