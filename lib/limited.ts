/** Reports of what a peer can cause as often as it likes: the first few of a second are written, the others counted. */

const perSecond = 10

/** Like `write`, but at most ten times a second; one line behind them says how many more there were. */
export function limited(write: (text: string) => void): (text: () => string) => void {
  let written = 0
  let more = 0
  const endOfSecond = (): void => {
    if (more > 0) write(`and ${more} more within a second`)
    written = more = 0
  }
  return (text) => {
    if (written === 0) setTimeout(endOfSecond, 1_000).unref()
    if (written === perSecond) {
      more++
      return
    }
    written++
    write(text())
  }
}
