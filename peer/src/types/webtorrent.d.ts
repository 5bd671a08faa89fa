// None of these packages has types. Only what is used here is described, and what webtorrent calls its own (a name that
// begins with an underscore) is marked where it is used.

declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events'
  import type { Server, Socket } from 'node:net'
  import type Wire from 'bittorrent-protocol'
  import type UTP from 'utp-native'

  export interface ChunkStore {
    readonly chunkLength: number
    put(index: number, bytes: Uint8Array, done: (error?: Error | null) => void): void
    get(index: number, options: { offset?: number; length?: number } | null | GotChunk, done?: GotChunk): void
    close(done?: (error?: Error | null) => void): void
    destroy(done?: (error?: Error | null) => void): void
  }

  export type GotChunk = (error: Error | null, bytes?: Uint8Array) => void

  export interface TorrentOptions {
    readonly preloadedStore?: ChunkStore
    readonly store?: new (chunkLength: number, options: object) => ChunkStore
    readonly storeCacheSlots?: number
    readonly skipVerify?: boolean
    readonly bitfield?: Uint8Array
    readonly strategy?: 'rarest' | 'sequential'
    readonly maxWebConns?: number
  }

  export interface UnfinishedPiece {
    readonly length: number
    readonly constructor: new (length: number) => UnfinishedPiece
    /** It counts the blocks; `_reservations` counts those that were asked for, and `_cancellations` has those to ask for again. */
    readonly _chunks: number
    readonly _reservations: number
    readonly _cancellations: readonly number[] | null
  }

  export interface SwarmMember {
    readonly id: string
    readonly wire: Wire | null
  }

  export interface Torrent extends EventEmitter {
    readonly infoHash: string
    readonly torrentFile: Uint8Array
    /** A piece that is verified is null. */
    readonly pieces: (UnfinishedPiece | null)[]
    readonly store: ChunkStore | null
    readonly downloaded: number
    readonly uploaded: number
    readonly downloadSpeed: number
    readonly wires: readonly Wire[]
    readonly ready: boolean
    readonly done: boolean
    readonly destroyed: boolean
    readonly bitfield: { get(index: number): boolean }
    readonly _peers: ReadonlyMap<string, SwarmMember> | null
    /** Knows of each piece how many have it. It is null when the torrent has ended. */
    readonly _rarityMap: {
      readonly _pieces: readonly number[]
      getRarestPiece(filter: (index: number) => boolean): number
    } | null
    /** @returns whether the wire was asked for a block */
    _request(wire: Wire, index: number, hotswap: boolean): boolean
    /** Asks peers for further blocks, as many as they have room for. */
    _update(): void
    _addPeer(address: string, type: 'tcp' | 'utp', source: string): unknown
    addWebSeed(connection: string | { readonly connId: string }): void
    removePeer(id: string): void
    destroy(done?: (error?: Error) => void): void
  }

  class WebTorrent extends EventEmitter {
    constructor(options: object)
    readonly peerId: string
    readonly torrents: readonly Torrent[]
    readonly torrentPort: number
    readonly destroyed: boolean
    blocked: { contains(host: string): boolean } | undefined
    utp: boolean
    readonly _connPool: {
      readonly tcpServer: Server
      utpServer: UTP | undefined
      _onTCPConnectionBound: (connection: Socket) => void
      _onUTPConnectionBound(connection: unknown): void
    }
    get(id: unknown): Promise<Torrent | null>
    add(id: Uint8Array | string, options: TorrentOptions): Torrent
    destroy(done?: (error?: Error) => void): void
    _getByHash(hash: string): Promise<Torrent | null>
  }

  export { WebTorrent as default }
}

declare module 'webtorrent/lib/webconn.js' {
  import type Wire from 'bittorrent-protocol'
  import type { Torrent } from 'webtorrent'

  class WebConn extends Wire {
    constructor(url: string, torrent: Torrent)
    readonly url: string
    readonly connId: string
    readonly _torrent: Torrent | null
    httpRequest(
      piece: number,
      offset: number,
      length: number,
      done: (error: Error | null, bytes?: Uint8Array) => void,
    ): Promise<void>
  }

  export { WebConn as default }
}

declare module 'bittorrent-protocol' {
  import type { EventEmitter } from 'node:events'

  export interface BlockRequest {
    readonly piece: number
    readonly offset: number
    readonly length: number
  }

  export type GotBlock = (error: Error | null, bytes?: Uint8Array) => void

  /** This is ut_metadata, which asks for the info of a torrent, and gives it. */
  export interface Metadata {
    readonly _fetching: boolean
    /** It is null while nobody has told. */
    readonly _metadataSize: number | null
    /** @returns whether the bytes are the info */
    setMetadata(bytes: Uint8Array): Promise<boolean>
  }

  class Wire extends EventEmitter {
    constructor(type?: string)
    readonly type: string
    readonly uploaded: number
    readonly downloaded: number
    readonly remoteAddress: string | undefined
    readonly remotePort: number | undefined
    readonly destroyed: boolean
    /** It counts bytes a second. */
    downloadSpeed(): number
    readonly peerChoking: boolean
    readonly peerPieces: { get(index: number): boolean }
    /** These tell what this end has asked for, and what the other has. */
    readonly requests: readonly BlockRequest[]
    readonly peerRequests: readonly BlockRequest[]
    /** This is streamx's: so many bytes wait to be sent. */
    readonly _readableState: { readonly buffered: number }
    choke(): void
    unchoke(): void
    destroy(): void
    resume(): void
    request(index: number, offset: number, length: number, done: GotBlock): void
    pipe(other: Wire): Wire
    handshake(infoHash: string, peerId: string): void
    piece(index: number, offset: number, bytes: Uint8Array): void
    reject(index: number, offset: number, length: number): void
    readonly ut_metadata?: Metadata
    /** These tell what this end calls extensions, and what the other calls them. */
    readonly extendedMapping: Readonly<Record<number, string>>
    readonly peerExtendedMapping: Readonly<Record<string, number>>
    use(extension: unknown): void
    _onExtended(id: number, bytes: Uint8Array): void
    _onMessage(bytes: Uint8Array): void
    _processBuffer(): void
    /** Has so many bytes waited for, and what reads them. */
    _parse(size: number, read: (bytes: Uint8Array) => void): void
    _onCancel(index: number, offset: number, length: number): void
    _onMessageLength(bytes: Uint8Array): void
    _onPiece(index: number, offset: number, bytes: Uint8Array): void
    _onRequest(index: number, offset: number, length: number): void
    _read(done: (error: Error | null) => void): void
  }

  export { Wire as default }
}

declare module 'bittorrent-tracker' {
  import { EventEmitter } from 'node:events'

  export class Client extends EventEmitter {
    constructor(options: {
      readonly infoHash: string
      readonly peerId: string
      readonly announce: readonly string[]
      readonly port: number
      readonly userAgent: string
      readonly getAnnounceOpts: () => object
    })
    /** There is one for each address that is one. */
    readonly _trackers: readonly { setInterval(ms?: number): void }[]
    start(): void
    complete(): void
    stop(): void
    update(): void
    destroy(): void
  }
}

declare module 'utp-native' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'

  class UTP extends EventEmitter {
    static createServer(): UTP
    readonly connections: readonly Duplex[]
    listen(port: number, host: string): void
    send(
      bytes: Buffer,
      offset: number,
      length: number,
      port: number,
      host: string,
      done?: (error?: Error) => void,
    ): void
    setSendBufferSize(bytes: number): void
    setRecvBufferSize(bytes: number): void
  }

  export { UTP as default }
}
