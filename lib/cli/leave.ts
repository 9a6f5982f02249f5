/** Ends the process, whatever a user's file has left open, but not before what was said has been handed over. */
const handOverMs = 1000

export async function leave(): Promise<never> {
  await Promise.race([Promise.all([handedOver(process.stdout), handedOver(process.stderr)]), new Promise((done) => setTimeout(done, handOverMs))])
  process.exit()
}

/** A reader that is gone or stuck must not keep us: the write then fails, or the time runs out. */
function handedOver(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    if (stream.writableLength === 0) return done()
    stream.once('error', () => done())
    stream.write('', () => done())
  })
}
