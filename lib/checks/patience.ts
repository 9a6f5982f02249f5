/** Waiting in which only that time counts in which this thread could have heard something. */

/** A wait is made of so many. */
const slices = 8
/** A slice that took longer than this share of it was not waited but worked through. */
const longest = 1.5

/**
 * Calls `over` after so many milliseconds, unless the returned function is called before. While user code holds the thread, what comes from the network is not heard, and Node calls
 * timers before sockets: so a long slice counts as a short one, and the sockets are asked once more at the end. Keeps no process alive, but for that: the thread would not turn for an immediate that does not.
 */
export function afterFreeMs(ms: number, over: () => void): () => void {
  const slice = Math.max(ms / slices, 1)
  let left = ms
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined
  const wait = (): void => {
    const begun = performance.now()
    timer = setTimeout(() => {
      left -= Math.min(performance.now() - begun, slice * longest)
      if (left > 0) wait()
      else immediate = setImmediate(over)
    }, slice).unref()
  }
  wait()
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}
