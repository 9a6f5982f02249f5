/**
 * From a regular expression to the program that the addon runs, one byte after the other (Thompson's construction): no way of writing an expression makes it slow. The expression is read as
 * JavaScript reads it, of a text that has one character for each byte.
 */
import { RegExpParser, type AST } from '@eslint-community/regexpp'
import { misuse, RelayError, safely } from './errors.ts'

/** What the addon does; the numbers are those of addon/stage/regexp.h. */
const Op = { set: 0, split: 1, jump: 2, assert: 3, match: 4 } as const
const Edge = { begin: 0, end: 1, lineBegin: 2, lineEnd: 3, word: 4, noWord: 5 } as const

export type RegexpProgram = {
  /** Three numbers an instruction: what it does, x, y. */
  readonly code: readonly number[]
  /** 32 bytes each: bit b % 8 of byte b / 8 is set for the byte b. */
  readonly sets: readonly Uint8Array[]
}

type Build = { readonly pattern: RegExp; readonly most: number; readonly code: [op: number, x: number, y: number][]; readonly sets: Uint8Array[]; readonly known: Map<string, number> }

/** Most instructions of any program. */
export const mostInstructions = 4_096
/** Most instructions times bytes: what one look at a head may cost is twice as many steps. */
const mostWork = 4_194_304

/** Throws ERR_MILLRACE_BAD_OPTION for what is not supported, with its place, and for what is too large. */
export function compileRegexp(pattern: RegExp, maxBytes: number): RegexpProgram {
  const { flags, source } = pattern
  const odd = /[^ims]/.exec(flags)?.[0]
  if (odd !== undefined) throw refuse(pattern, `has the flag ${odd}, but only i, m and s have a meaning here`)
  const wide = /[^\0-\x7f]/u.exec(source)
  if (wide !== null) {
    const bytes = Buffer.from(wide[0]).reduce((text, byte) => `${text}\\x${byte.toString(16)}`, '')
    throw refuse(pattern, `has ${JSON.stringify(wide[0])} at place ${wide.index}, which is no byte: in UTF-8 it is ${bytes}`)
  }
  const build: Build = { pattern, most: Math.min(mostInstructions, Math.floor(mostWork / maxBytes)), code: [], sets: [], known: new Map() }
  try {
    addAlternatives(build, new RegExpParser().parsePattern(source).alternatives)
  } catch (error) {
    if (error instanceof RelayError) throw error
    throw refuse(pattern, `cannot be read: ${safely(() => String(error))}`) // nested too deeply, or newer than its reader
  }
  emit(build, Op.match)
  if (build.code.length > build.most) {
    throw refuse(pattern, `becomes more than ${build.most} instructions, the most for maxBytes ${maxBytes}: what is repeated a number of times is there so many times`)
  }
  return { code: build.code.flat(), sets: build.sets }
}

function refuse({ source, flags }: RegExp, problem: string): Error {
  return misuse('ERR_MILLRACE_BAD_OPTION', 'regexp', `/${source.length > 60 ? `${source.slice(0, 57)}...` : source}/${flags} ${problem}`)
}

function unsupported({ pattern }: Build, what: string, { start, raw }: AST.NodeBase): Error {
  return refuse(pattern, `has ${what} at place ${start}, ${raw.length > 60 ? `${raw.slice(0, 57)}...` : raw}, which is not supported`)
}

/** Adds an instruction and returns its place. Beyond the limit nothing is kept. */
function emit(build: Build, op: number, x = 0, y = 0): number {
  if (build.code.length > build.most) return build.most
  return build.code.push([op, x, y]) - 1
}

/** Sends a split on to its second way, or a jump on its only one, at what comes next. */
function goOnHere({ code }: Build, at: number): void {
  const instruction = code[at]
  if (instruction !== undefined) instruction[instruction[0] === Op.split ? 2 : 1] = code.length
}

function addAlternatives(build: Build, [first, ...others]: readonly AST.Alternative[]): void {
  if (first === undefined) return
  if (others.length === 0) return addElements(build, first)
  const split = emit(build, Op.split, build.code.length + 1)
  addElements(build, first)
  const jump = emit(build, Op.jump)
  goOnHere(build, split)
  addAlternatives(build, others)
  goOnHere(build, jump)
}

function addElements(build: Build, { elements }: AST.Alternative): void {
  for (const element of elements) addElement(build, element)
}

function addElement(build: Build, element: AST.Element): void {
  switch (element.type) {
    case 'Assertion':
      return addEdge(build, element)
    case 'Group':
      if (element.modifiers !== null) throw unsupported(build, 'modifiers', element)
      return addAlternatives(build, element.alternatives)
    case 'CapturingGroup':
      return addAlternatives(build, element.alternatives)
    case 'Quantifier':
      return addRepeated(build, element)
    case 'Character':
      checkByte(build, element)
      return addSet(build, `\\x${element.value.toString(16).padStart(2, '0')}`)
    case 'CharacterClass':
      for (const one of element.elements) if (one.type === 'Character' || one.type === 'CharacterClassRange') checkByte(build, one.type === 'Character' ? one : one.min)
      return addSet(build, element.raw)
    case 'CharacterSet':
      return addSet(build, element.raw)
    case 'Backreference':
      throw unsupported(build, 'a back reference', element)
    case 'ExpressionCharacterClass': // of the flag v, which has been refused
      throw unsupported(build, 'a set of sets', element)
  }
}

function addEdge(build: Build, edge: AST.Assertion): void {
  const lines = build.pattern.multiline
  switch (edge.kind) {
    case 'start':
      emit(build, Op.assert, lines ? Edge.lineBegin : Edge.begin)
      return
    case 'end':
      emit(build, Op.assert, lines ? Edge.lineEnd : Edge.end)
      return
    case 'word':
      emit(build, Op.assert, edge.negate ? Edge.noWord : Edge.word)
      return
    case 'lookahead':
    case 'lookbehind':
      throw unsupported(build, `a ${edge.kind}`, edge)
  }
}

function addRepeated(build: Build, { element, min, max }: AST.Quantifier): void {
  const add = (): boolean => {
    const before = build.code.length
    addElement(build, element)
    return build.code.length > before && build.code.length <= build.most
  }
  for (let i = 0; i < min && add(); i++);
  if (max === Number.POSITIVE_INFINITY) {
    const split = emit(build, Op.split, build.code.length + 1)
    add()
    emit(build, Op.jump, split)
    return goOnHere(build, split)
  }
  const splits: number[] = []
  for (let i = min; i < max; i++) {
    splits.push(emit(build, Op.split, build.code.length + 1))
    if (!add()) break
  }
  for (const split of splits) goOnHere(build, split)
}

/** A range may end beyond what a byte can be. */
function checkByte(build: Build, character: AST.Character): void {
  if (character.value > 0xff) throw refuse(build.pattern, `has ${character.raw} at place ${character.start}, which is no byte: that is at most \\xff`)
}

/** The bytes for which JavaScript says yes to the expression of one character. */
function addSet(build: Build, one: string): void {
  let known = build.known.get(one)
  if (known === undefined) {
    const single = new RegExp(`^${one}$`, build.pattern.flags.replace('m', ''))
    const set = new Uint8Array(32)
    for (let byte = 0; byte < 256; byte++) if (single.test(String.fromCharCode(byte))) set[byte >> 3] = (set[byte >> 3] ?? 0) | (1 << (byte & 7))
    known = build.sets.push(set) - 1
    build.known.set(one, known)
  }
  emit(build, Op.set, known)
}
