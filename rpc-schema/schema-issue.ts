import type { z } from 'zod'

/** One thing wrong with a value at the edge: where it is, what was expected and what was found. */
export interface SchemaIssue {
  /** `Sectors[0].SealedCID`; empty for the value itself. */
  path: string
  message: string
}

/** `['a', 0, 'b']` as `a[0].b`. */
export function pathText(path: readonly PropertyKey[], root = ''): string {
  let text = root
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}

function foundText(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'bigint') return value.toString()
  const text = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let at = input
  for (const key of path)
    at = at === null || typeof at !== 'object' ? undefined : (at as Record<PropertyKey, unknown>)[key]
  return at
}

/** The issues of a failed parse of `input`, in words; `root` names the value (a parameter, a table of a file). */
export function schemaIssues(error: z.core.$ZodError, input: unknown, root = ''): SchemaIssue[] {
  return error.issues.map(issue => {
    const path = pathText(issue.path, root)
    // A message of our own may have said what was found already.
    if (/\bfound\b/.test(issue.message)) return { path, message: issue.message }
    const expected = issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '')
    return { path, message: `${expected}, found ${foundText(valueAt(input, issue.path))}` }
  })
}

/** The same in one line: `path: expected …, found …; path: …`. */
export function schemaIssuesText(error: z.core.$ZodError, input: unknown, root = ''): string {
  return schemaIssues(error, input, root)
    .map(issue => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`))
    .join('; ')
}
