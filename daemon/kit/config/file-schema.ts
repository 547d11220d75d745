import { z } from 'zod'

/** The schema below optional, nullable, default and codec wrappers: what the file itself holds. */
export function fileSchema(schema: z.ZodType): z.ZodType {
  let at: z.ZodType = schema
  for (;;) {
    if (
      at instanceof z.ZodOptional ||
      at instanceof z.ZodNullable ||
      at instanceof z.ZodDefault ||
      at instanceof z.ZodPrefault
    )
      at = at.unwrap() as z.ZodType
    else if (at instanceof z.ZodPipe) at = at.in as z.ZodType
    else return at
  }
}
