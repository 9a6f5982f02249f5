/** Where programs of the system are looked for. */

/** The PATH of this process without what is no absolute folder (an empty element is the current one), and administrators' programs, which are often not on a user's. */
export function searchPath(path: string | undefined = process.env['PATH']): string {
  const folders = (path ?? '/usr/local/bin:/usr/bin:/bin').split(':').filter((folder) => folder.startsWith('/'))
  return [...new Set([...folders, '/usr/sbin', '/sbin'])].join(':')
}
