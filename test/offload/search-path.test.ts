/** Where nft is looked for. */
import assert from 'node:assert/strict'
import { searchPath } from '../../lib/search-path.ts'

describe('the search for programs', () => {
  it('never is in the current directory', () => {
    assert.equal(searchPath('/a::/b:bin:.'), '/a:/b:/usr/sbin:/sbin')
    assert.equal(searchPath(''), '/usr/sbin:/sbin')
    assert.ok(searchPath(undefined).split(':').every((folder) => folder.startsWith('/')))
  })
})
