import type { StorageClass } from './answers.ts'
import type { RetryLimits } from './retry-policy.ts'

export interface StoreClientOptions {
  /**
   * It is the address of a manager, such as `http://127.0.0.1:8000`, or of a proxy, with a path such as `https://host/store`.
   */
  readonly baseUrl: string
  /**
   * A request on which nothing moves for this long is ended. The default is a minute. The answer to a body that was sent
   * whole may take 3 minutes all the same, because the store makes the file durable first.
   */
  readonly idleTimeoutMs?: number
  /**
   * The source of an upload may take this long to its first bytes, and to its next ones. The default is an hour. Once
   * bytes have begun to flow, the manager's setting `SENDER_PATIENCE_MS` limits it as well.
   */
  readonly sourcePatienceMs?: number
  readonly retry?: Partial<RetryLimits>
  /**
   * Is asked for a ticket for each request to a route of the operator, with the request's method, its path as the
   * manager gets it, and its body. Without one such a route answers only where nothing but the manager's own machine reaches it.
   */
  readonly ticket?: (method: string, path: string, body: Uint8Array) => Promise<string | null>
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface UploadOptions extends CallOptions {
  /** Is told how many bytes of the file have gone out; it starts again from 0 when the upload is sent again. */
  readonly onProgress?: (sentBytes: number) => void
  /** The file ends after a duration such as `90s`, `12h` or `7d`, or at a date, and never unless one is given. */
  readonly expires?: string | Date
  readonly storageClass?: StorageClass
}

/** A file is of class `single` unless another is asked for. */
export interface PutOptions extends UploadOptions {
  /** Takes the place of a file that has the name, in one step. */
  readonly replace?: boolean
  /** Replaces only the very version that has this ETag, quotes included. */
  readonly ifMatch?: string
}

/** A share is of class `replicated` unless another is asked for. */
export interface ShareOptions extends UploadOptions {
  /** This is the share's label, which others may have too; the store makes one up unless it is given. */
  readonly name?: string
}

export interface GetOptions extends CallOptions {
  /** Gets only the very version that has this ETag, quotes included. */
  readonly ifMatch?: string
}

export interface FilesOptions extends CallOptions {
  /** Only files whose names begin with it are listed. */
  readonly prefix?: string
  /** A page has at most so many files: 1000 at most, and 100 unless it is given. */
  readonly limit?: number
  /** Files with a link are listed in place of those with a path. It is a route of the operator. */
  readonly shares?: boolean
}

export interface ListOptions extends FilesOptions {
  /** The page begins where the one before says. */
  readonly cursor?: string | null
}

export interface FileChange {
  /** A file with a path has it as its name. */
  readonly name?: string
  readonly contentType?: string
  /** The file ends after a duration such as `7d`, at a date, or never where it is null. */
  readonly expiresAt?: string | Date | null
}

export interface PullOptions extends CallOptions {
  /** The names of the files begin with it. */
  readonly folder?: string
  /** It is `replicated` unless given. */
  readonly storageClass?: StorageClass
}
