import { type ErrorName, errorRow, errorTable } from '@holdfast/shared/errors/error-table'
import { z } from 'zod'

/** Only these errors are shown over HTTP. The others stay inside the cluster. */
const shownNames = (Object.keys(errorTable) as ErrorName[]).filter((name) => errorRow(name).shownAs === undefined)

/** Every error answer has this body. */
export const errorBody = z
  .object({
    code: z.literal(shownNames.map((name) => errorRow(name).code)).meta({ type: 'integer' }),
    error: z.enum(shownNames),
    message: z.string(),
    requestId: z.string(),
    detail: z.string().describe('What exactly is wrong with the request, or what it waits for').exactOptional(),
  })
  .meta({ id: 'Error' })

export type ErrorBody = z.output<typeof errorBody>
