/** A promise that is settled from elsewhere: `Promise.withResolvers`, which Node has from 22 on. */
export type Settler<T> = { readonly promise: Promise<T>; readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void }

export function settler<T>(): Settler<T> {
  let [resolve, reject]: [Settler<T>['resolve'], Settler<T>['reject']] = [() => undefined, () => undefined]
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}
