/** The manager describes a file like this (`docs/openapi.json`: File). Times are in ISO 8601. */
export interface FileDescription {
  readonly id: string
  readonly name: string
  readonly size: number
  readonly contentType: string
  /** Its bytes are there, on the manager. */
  readonly url: string
  readonly uploadedAt: string
  readonly expiresAt: string | null
}

export interface FileList {
  readonly files: readonly FileDescription[]
  readonly next: string | null
  readonly total?: number | null
}

/** The manager describes an audio file like this (`docs/openapi.json`: Track). */
export interface Track extends Pick<FileDescription, 'id' | 'name' | 'url'> {
  /** The duration is in seconds. */
  readonly duration: number | null
  readonly tags: { readonly title?: string; readonly artist?: string; readonly album?: string }
  /** This is the embedded picture. */
  readonly cover: { readonly contentType: string; readonly url: string } | null
  /** Says what decoding it showed. */
  readonly verdict: 'unknown' | 'ok' | 'damaged'
  readonly reason: string | null
}

export interface TrackPage {
  readonly files: readonly Track[]
  readonly next: string | null
}

/** It has the form of audiowaveform: the least and the greatest sample of each stretch, alternating, in 8 bits. */
export interface Waveform {
  readonly data: readonly number[]
}

export interface FileServer {
  readonly id: string
  readonly name: string
  readonly zone?: string
  readonly state: 'active' | 'counting' | 'full'
  readonly lastPingAt: string
  readonly files: number
  readonly bytes: number
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface Loop {
  readonly name: string
  readonly state: 'resting' | 'working' | 'stuck'
  readonly detail?: string
  readonly done: number
  readonly remaining: number | null
  readonly bytesPerSecond: number | null
  readonly secondsLeft: number | null
  readonly lastRunAt: string | null
  readonly lastError?: string
}

/** The cluster has such a file-server and does not hear from it. */
export interface AbsentFileServer {
  readonly id: string
  readonly name: string
  readonly zone: string
}

export interface Upkeep {
  readonly loops: readonly Loop[]
  readonly chunks: {
    readonly total: number
    readonly byReplicas: Readonly<Record<string, number>>
    readonly countedAt: string
  } | null
  readonly fileServers: {
    readonly silent?: readonly (AbsentFileServer & { readonly lastHeardAt: string })[]
    readonly lost: readonly (AbsentFileServer & { readonly lostAt: string })[]
  }
}
