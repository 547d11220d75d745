/**
 * A result that is JSON text already, in pieces: what a handler answers with when its result is too large to be built and written in one turn of
 * the event loop. It is sent as it is, without being validated.
 */
export class PreparedJson {
  readonly chunks: AsyncIterable<string>

  constructor(chunks: AsyncIterable<string>) {
    this.chunks = chunks
  }

  /** The same as the type that its method declares. */
  static as<T>(chunks: AsyncIterable<string>): T {
    return new PreparedJson(chunks) as T
  }
}

/** The text of a frame, or of a batch of them, whose results may be prepared. */
export async function* frameText(frame: unknown): AsyncGenerator<string> {
  if (Array.isArray(frame)) {
    for (const [index, one] of frame.entries()) {
      yield index === 0 ? '[' : ','
      yield* frameText(one)
    }
    yield ']'
    return
  }
  if (!hasPrepared(frame)) return yield JSON.stringify(frame)
  const { jsonrpc, result, ...rest } = frame as { jsonrpc: string; result: PreparedJson }
  yield `{"jsonrpc":${JSON.stringify(jsonrpc)},"result":`
  yield* result.chunks
  yield Object.keys(rest).length === 0 ? '}' : `,${JSON.stringify(rest).slice(1)}`
}

/** Whether a frame or a batch holds a result that is to be sent in pieces. */
export function hasPrepared(frame: unknown): boolean {
  if (Array.isArray(frame)) return frame.some(hasPrepared)
  return typeof frame === 'object' && frame !== null && (frame as { result?: unknown }).result instanceof PreparedJson
}

/** Lines up the items of a JSON array, in portions. */
export async function* jsonArray(portions: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let first = true
  for await (const portion of portions) {
    if (portion.length === 0) continue
    yield `${first ? '[' : ','}${portion.join(',')}`
    first = false
  }
  yield first ? '[]' : ']'
}
