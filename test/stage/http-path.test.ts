import { httpPath } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

const line = (target: string): string => `GET ${target} HTTP/1.1\r\n`

matcherCases(httpPath('/', '/api/*'), [
  ['the path', line('/'), 'yes'],
  ['the path with a query', line('/?next=/api/'), 'yes'],
  ['what begins like the star', line('/api/v1/x'), 'yes'],
  ['an absolute target', line('http://a.example/api/'), 'yes'],
  ['what is before the star without its slash', line('/api'), 'no'],
  ['a path that is encoded', line('/%61pi/x'), 'no'],
  ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\n', 'no'],
  ['half a line', 'GET /api/v1 HT', 'more'],
])
