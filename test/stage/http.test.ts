import { http } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

const request = 'GET /x?y HTTP/1.1\r\nHost: a.example\r\n\r\n'
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

matcherCases(http(), [
  ['a request', request, 'yes'],
  ['the preface of HTTP/2', preface, 'yes'],
  ['a line without its end', 'GET / HTTP/1.1', 'more'],
  ['an identification of SSH', 'SSH-2.0-x\r\n', 'no'],
  ['a bare LF', 'GET / HTTP/1.1\n', 'no'],
])
matcherCases(http(1), [['a request', request, 'yes'], ['the preface of HTTP/2', preface, 'no']])
matcherCases(http(2), [['a request', request, 'no'], ['the preface of HTTP/2', preface, 'yes']])
