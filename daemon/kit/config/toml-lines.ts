import { pathText } from '../../../rpc-schema/schema-issue.js'

type Path = (string | number)[]

/**
 * Where each key of a TOML text stands: key path (`Miners[1].Sector.Enabled`) to line number (from 1).
 * Reads a text that the parser has already accepted, so it only has to find names, not to check values.
 */
export function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const arrayLengths = new Map<string, number>()
  let table: Path = []
  const scanner = new Scanner(text)
  const note = (path: Path, line: number): void => {
    for (let length = 1; length <= path.length; length++) {
      const key = pathText(path.slice(0, length))
      if (!lines.has(key)) lines.set(key, line)
    }
  }
  /** A name that is an array of tables means its latest element. */
  const resolve = (keys: readonly string[]): Path => {
    const path: Path = []
    for (const key of keys) {
      path.push(key)
      const length = arrayLengths.get(pathText(path))
      if (length !== undefined) path.push(length - 1)
    }
    return path
  }
  for (;;) {
    scanner.skipBlank()
    if (scanner.atEnd) return lines
    const line = scanner.line
    if (scanner.take('[[')) {
      const keys = scanner.keys()
      const parent = resolve(keys.slice(0, -1))
      const arrayPath = pathText([...parent, keys.at(-1)!])
      const length = (arrayLengths.get(arrayPath) ?? 0) + 1
      arrayLengths.set(arrayPath, length)
      table = [...parent, keys.at(-1)!, length - 1]
      note(table, line)
      scanner.skipLine()
    } else if (scanner.take('[')) {
      table = resolve(scanner.keys())
      note(table, line)
      scanner.skipLine()
    } else {
      const keys = scanner.keys()
      note([...table, ...keys], line)
      scanner.skipValue()
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' }

class Scanner {
  readonly #text: string
  #at = 0
  line = 1

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  skipBlank(): void {
    while (!this.atEnd) {
      const char = this.#text[this.#at]!
      if (char === '#') this.skipLine()
      else if (/\s/.test(char)) this.#step()
      else return
    }
  }

  skipLine(): void {
    while (!this.atEnd && this.#text[this.#at] !== '\n') this.#at++
    this.#step()
  }

  /** A dotted key, up to and without `=` or `]`. */
  keys(): string[] {
    const keys: string[] = []
    let bare = ''
    const flush = (): void => {
      if (bare.trim() !== '') keys.push(bare.trim())
      bare = ''
    }
    for (; !this.atEnd; this.#at++) {
      const char = this.#text[this.#at]!
      if (char === '=' || char === ']' || char === '\n') break
      if (char === '"' || char === "'") keys.push(this.#quotedKey(char))
      else if (char === '.') flush()
      else bare += char
    }
    flush()
    if (this.#text[this.#at] === '=') this.#at++
    return keys
  }

  /** A value: to the end of its line, strings and brackets included. */
  skipValue(): void {
    let depth = 0
    while (!this.atEnd) {
      const char = this.#text[this.#at]!
      if (char === '"' || char === "'") this.#skipString(char)
      else if (char === '#') {
        while (!this.atEnd && this.#text[this.#at] !== '\n') this.#at++
      } else {
        if (char === '[' || char === '{') depth++
        if (char === ']' || char === '}') depth--
        this.#step()
        if (char === '\n' && depth <= 0) return
      }
    }
  }

  /** Ends on the closing quote. */
  #quotedKey(quote: string): string {
    let key = ''
    for (this.#at++; !this.atEnd && this.#text[this.#at] !== quote; this.#at++) {
      if (quote === '"' && this.#text[this.#at] === '\\') key += this.#escaped()
      else key += this.#text[this.#at]!
    }
    return key
  }

  /** What an escape stands for; ends on its last character. */
  #escaped(): string {
    const [, hex] = /^\\u([0-9A-Fa-f]{4})/.exec(this.#text.slice(this.#at, this.#at + 10)) ?? []
    if (hex !== undefined) {
      this.#at += 1 + hex.length
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    this.#at++
    const char = this.#text[this.#at] ?? ''
    return ESCAPES[char] ?? char
  }

  #skipString(quote: string): void {
    const close = this.#text.startsWith(quote.repeat(3), this.#at) ? quote.repeat(3) : quote
    for (let i = 0; i < close.length; i++) this.#step()
    while (!this.atEnd && !this.#text.startsWith(close, this.#at)) {
      if (quote === '"' && this.#text[this.#at] === '\\') this.#step()
      this.#step()
    }
    for (let i = 0; i < close.length; i++) this.#step()
  }

  #step(): void {
    if (this.#text[this.#at] === '\n') this.line++
    this.#at++
  }
}
