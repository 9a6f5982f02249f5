/**
 * The limits of the cgroups that this process is in, version 2 or 1: see cgroups(7). A limit counts wherever on the way up to the root it is
 * set, so the smallest is looked for.
 */
import type { Facts, Unseen } from './facts.ts'
import { isAbsent, isUnseen } from './facts.ts'

export type Limit = { readonly value: number; readonly file: string }

/** What a controller's limit is called in either version, and how its file is read: Infinity for none. */
export type Controller = {
  readonly name: string
  readonly v2: string
  readonly v1: string
  readonly parse: (text: string, folder: string) => number
}

/** The smallest limit; Infinity, with the folder of the process itself, where there is none. */
export function cgroupLimit(facts: Facts, controller: Controller): Limit | Unseen {
  const place = placeOf(facts, controller)
  if (isUnseen(place)) return place
  let least: Limit = { value: Infinity, file: `${place.mount}${place.path}/${place.file}` }
  for (const folder of upwards(place.path).map((path) => `${place.mount}${path}`)) {
    const text = facts.read(`${folder}/${place.file}`)
    // The root has no limits, and a path of the host's means nothing within a container.
    if (isAbsent(text)) continue
    if (isUnseen(text)) return text
    const value = controller.parse(text.trim(), folder)
    if (value < least.value) least = { value, file: `${folder}/${place.file}` }
  }
  return least
}

type Place = { readonly mount: string; readonly path: string; readonly file: string }

function placeOf({ read }: Facts, { name, v1, v2 }: Controller): Place | Unseen {
  const [own, mounts] = [read('/proc/self/cgroup'), read('/proc/self/mounts')]
  if (isUnseen(own)) return own
  if (isUnseen(mounts)) return mounts
  const mounted = mounts.split('\n').map((line) => line.split(' '))
  const lines = own.trim().split('\n').map((line) => /^(\d+):([^:]*):(.*)$/.exec(line) ?? [])
  const old = lines.find(([, , controllers = '']) => controllers.split(',').includes(name))
  if (old !== undefined) {
    const mount = mounted.find(([, , type, options = '']) => type === 'cgroup' && options.split(',').includes(name))?.[1]
    return mount === undefined ? { unseen: `the ${name} controller is not mounted` } : { mount, path: trimmed(old[3]), file: v1 }
  }
  const mount = mounted.find(([, , type]) => type === 'cgroup2')?.[1]
  const path = lines.find(([, number]) => number === '0')?.[3]
  if (mount === undefined || path === undefined) return { unseen: 'no cgroup file system is mounted' }
  return { mount, path: trimmed(path), file: v2 }
}

function trimmed(path = '/'): string {
  return path === '/' ? '' : path
}

/** `/a/b`, `/a`, and the root, which is empty. */
function upwards(path: string): readonly string[] {
  return path === '' ? [''] : [path, ...upwards(path.slice(0, path.lastIndexOf('/')))]
}
