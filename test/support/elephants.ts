/** `elephants.ts PORT COUNT`: in a process of their own, so that they take nothing from the mice but what the relay gives them, each writes for ever and reads it back. */
import { connect } from 'node:net'
import { pour } from './pour.ts'

const [port, count] = process.argv.slice(2).map(Number)
if (port === undefined || count === undefined) throw new Error('usage: elephants.ts PORT COUNT')

let bytes = 0
for (let i = 0; i < count; i++) {
  const socket = connect(port, '127.0.0.1', () => pour(socket))
  socket.on('data', (chunk) => {
    if (bytes === 0) console.log('trampling')
    bytes += chunk.length
  })
}
process.on('SIGTERM', () => {
  console.log(`trampled ${bytes}`)
  process.exit()
})
