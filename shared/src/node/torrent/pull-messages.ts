import { z } from 'zod'

/**
 * A manager has a peer's process load a torrent into a directory of its own, and tells it this, in a line on its input.
 * The end of the input ends the process, so that it never outlives the manager.
 */
export const pullOrder = z.object({
  /** `torrent` may be there, `files.part` and `journals` from an attempt before; `files` is there in the end. */
  directory: z.string(),
  infoHash: z.string(),
  magnet: z.string().nullable(),
  /** Tells whether the torrent may lead to private networks and to this machine. */
  allowsPrivate: z.boolean(),
  /** The process gives up when no byte has come for this long. */
  patienceMs: z.number(),
})

export type PullOrder = z.output<typeof pullOrder>

/** These have such names in the directory of the load. */
export const pullFiles = {
  torrent: 'torrent',
  journals: 'journals',
  /** The files of the torrent are in it, by their numbers: under another name until all of it is whole and durable. */
  part: 'files.part',
  whole: 'files',
} as const

/** In answer to `known` this line lets the process load. */
export const GO = 'go'

const amount = z.number().min(0)

/** The process tells this, in lines on its output. */
export const pullMessage = z.discriminatedUnion('kind', [
  /** The metadata is known, and stands in the directory as `torrent`. */
  z.object({ kind: z.literal('known') }),
  z.object({
    kind: z.literal('progress'),
    doneBytes: amount,
    totalBytes: amount,
    bytesPerSecond: amount,
    peers: amount,
    secondsLeft: amount.nullable(),
  }),
  /** This may be the reason why nothing comes. */
  z.object({ kind: z.literal('trouble'), sentence: z.string() }),
  z.object({ kind: z.literal('done') }),
  /** It is final where another attempt would end alike. */
  z.object({ kind: z.literal('failed'), reason: z.string(), isFinal: z.boolean() }),
])

export type PullMessage = z.output<typeof pullMessage>
export type PullProgress = Omit<Extract<PullMessage, { readonly kind: 'progress' }>, 'kind'>
