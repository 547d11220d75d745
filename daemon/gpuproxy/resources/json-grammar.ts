/**
 * The grammar of JSON (RFC 8259) as a table: for each state and each kind of byte the state that follows. A value stands alone, in an array or in an object;
 * what follows it differs, so that each place has states of its own.
 *
 * | state     | what has been read, and what may follow                             |
 * |-----------|---------------------------------------------------------------------|
 * | `value`   | nothing of a value: it begins here                                   |
 * | `first`   | `[`: a value, or the end                                             |
 * | `open`    | `{`: a key, or the end                                               |
 * | `key`     | a comma in an object: a key                                          |
 * | `colon`   | a key                                                                |
 * | `after`   | a whole value: a comma, the end of what it stands in, or of the text |
 * | `k…` `v…` | part of a key, of a text                                             |
 * | `n…`      | part of a number                                                     |
 * | `true-1`… | so many letters of a word                                            |
 */
const PLACES = ['alone', 'array', 'object'] as const
export type Place = (typeof PLACES)[number]

const WORDS = ['true', 'false', 'null'] as const
const STATES = [
  ...['value', 'first', 'open', 'key', 'colon', 'after'],
  ...['k', 'v'].flatMap(text => ['', '-escape', '-u1', '-u2', '-u3', '-u4'].map(part => `${text}${part}`)),
  ...['n-minus', 'n-zero', 'n-int', 'n-dot', 'n-fraction', 'n-e', 'n-sign', 'n-exponent'],
  ...WORDS.flatMap(word => Array.from({ length: word.length - 1 }, (_, at) => `${word}-${at + 1}`)),
]

const DIGITS = '0123456789'
const HEX = `${DIGITS}abcdefABCDEF`
const BLANK = ' \t\n\r'
/** What a text may hold as it is. */
const PLAIN = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
  .filter(byte => byte >= ' ' && byte !== '"' && byte !== '\\')
  .join('')

/** Where a state's row begins in the table. */
const rowOf = (place: number, state: number): number => (place * STATES.length + state) << 8
export const stateOf = (place: Place, state: string): number => rowOf(PLACES.indexOf(place), STATES.indexOf(state))

/** States are below this, actions from this on. */
export const FIRST_ACTION = rowOf(PLACES.length, 0)
/** What is more than another state: a container begins or ends, or the byte may not stand there. */
export const ACTION = {
  openObject: FIRST_ACTION,
  openArray: FIRST_ACTION + 1,
  close: FIRST_ACTION + 2,
  refused: FIRST_ACTION + 3,
} as const

/** From a byte, in a state, to a state or an action: `TRANSITIONS[state | byte]`. */
export const TRANSITIONS = new Uint16Array(FIRST_ACTION).fill(ACTION.refused)

/** Whether a text may end here. */
export const isComplete = (state: number): boolean => COMPLETE.has(state)
const COMPLETE: ReadonlySet<number> = new Set(
  ['after', 'n-zero', 'n-int', 'n-fraction', 'n-exponent'].map(state => stateOf('alone', state)),
)

for (const place of PLACES) {
  const row = (state: string, bytes: string, next: string | number): void => {
    const target = typeof next === 'number' ? next : stateOf(place, next)
    for (const byte of bytes) TRANSITIONS[stateOf(place, state) | byte.charCodeAt(0)] = target
  }
  /** What may follow a whole value. */
  const following = (state: string): void => {
    row(state, BLANK, 'after')
    if (place === 'array') row(state, ',', 'value')
    if (place === 'object') row(state, ',', 'key')
    if (place === 'array') row(state, ']', ACTION.close)
    if (place === 'object') row(state, '}', ACTION.close)
  }
  for (const state of ['value', 'first']) {
    row(state, BLANK, state)
    row(state, '{', ACTION.openObject)
    row(state, '[', ACTION.openArray)
    row(state, '"', 'v')
    row(state, '-', 'n-minus')
    row(state, '0', 'n-zero')
    row(state, DIGITS.slice(1), 'n-int')
    for (const word of WORDS) row(state, word[0]!, `${word}-1`)
  }
  if (place === 'array') row('first', ']', ACTION.close)
  if (place === 'object') {
    for (const state of ['open', 'key']) {
      row(state, BLANK, state)
      row(state, '"', 'k')
    }
    row('open', '}', ACTION.close)
    row('colon', BLANK, 'colon')
    row('colon', ':', 'value')
  }
  following('after')
  for (const [text, next] of [
    ['k', 'colon'],
    ['v', 'after'],
  ] as const) {
    row(text, PLAIN, text)
    row(text, '"', next)
    row(text, '\\', `${text}-escape`)
    row(`${text}-escape`, '"\\/bfnrt', text)
    row(`${text}-escape`, 'u', `${text}-u1`)
    for (const digit of [1, 2, 3, 4]) row(`${text}-u${digit}`, HEX, digit === 4 ? text : `${text}-u${digit + 1}`)
  }
  for (const state of ['n-zero', 'n-int', 'n-fraction', 'n-exponent']) following(state)
  row('n-minus', '0', 'n-zero')
  row('n-minus', DIGITS.slice(1), 'n-int')
  row('n-int', DIGITS, 'n-int')
  for (const state of ['n-zero', 'n-int']) row(state, '.', 'n-dot')
  for (const state of ['n-dot', 'n-fraction']) row(state, DIGITS, 'n-fraction')
  for (const state of ['n-zero', 'n-int', 'n-fraction']) row(state, 'eE', 'n-e')
  row('n-e', '+-', 'n-sign')
  for (const state of ['n-e', 'n-sign', 'n-exponent']) row(state, DIGITS, 'n-exponent')
  for (const word of WORDS)
    for (let at = 1; at < word.length; at++)
      row(`${word}-${at}`, word[at]!, at === word.length - 1 ? 'after' : `${word}-${at + 1}`)
}
