import type { Cover, MetadataResult } from './metadata.ts'

/** The manager asks the thread for one thing at a time. */
export type ToThread =
  | { readonly kind: 'work'; readonly wanted: 'metadata' | 'cover'; readonly size: number; readonly head: Uint8Array }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array | null }

export type FromThread =
  | { readonly kind: 'fetch'; readonly id: number; readonly start: number; readonly end: number }
  | { readonly kind: 'metadata'; readonly result: MetadataResult }
  | { readonly kind: 'cover'; readonly cover: Cover | null }
