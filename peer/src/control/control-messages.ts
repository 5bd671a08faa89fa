import { z } from 'zod'

/** Other processes of the same user find a running peer by this: the file is private, and the token is asked for. */
export const controlFile = z.object({ port: z.int().min(1).max(65_535), token: z.string().length(64), pid: z.int() })
export const CONTROL_FILE = 'control.json'

const progress = z.object({
  ...{ doneBytes: z.number(), totalBytes: z.number(), bytesPerSecond: z.number() },
  ...{ peers: z.number().nullable(), secondsLeft: z.number().nullable() },
})

/** A command says one of these a line; the last is its end, with the sentence of a failure. */
export const controlMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('print'), line: z.string() }),
  z.object({ kind: z.literal('say'), line: z.string() }),
  z.object({ kind: z.literal('progress'), title: z.string(), progress }),
  z.object({ kind: z.literal('end'), failure: z.string().nullable() }),
])
export type ControlMessage = z.output<typeof controlMessage>
