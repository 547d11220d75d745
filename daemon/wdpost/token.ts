import { z } from 'zod'

/** What slaves show to their master. What was found instead may be the secret in another form: it is not told. */
export const Token = z
  .string({ error: 'expected a string, found something else' })
  .min(1, 'expected a string that is not empty, found an empty one')
