import { parseAddress } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import type Wire from 'bittorrent-protocol'
import type { Torrent } from 'webtorrent'
import { Blame } from './blame.ts'
import { LonePieces } from './lone-pieces.ts'

const MAX_BANNED = 10_000

/** Remembers who sent wrong bytes, for as long as the process runs. */
export class BannedSources {
  readonly #banned = new Set<string>()

  add(source: string): void {
    if (this.#banned.size < MAX_BANNED) this.#banned.add(keyOf(source))
  }

  has(source: string): boolean {
    return this.#banned.has(keyOf(source))
  }
}

/** Several peers may share this machine, but at any other address an attacker would only come back by another port. */
function keyOf(source: string): string {
  const host = /^\[?(.*?)\]?:\d+$/.exec(source)?.[1]
  if (host === undefined) return source
  const address = parseAddress(host)
  return address?.scope === 'loopback' ? source : (address?.ip ?? host)
}

export interface SourcesOptions {
  readonly banned: BannedSources
  /** Tells whether only uTP is spoken. */
  readonly isUdpOnly: boolean
  /** Hears in a sentence that somebody is dropped. */
  readonly onDropped?: (sentence: string) => void
  readonly log: Logger
}

/** Counts the bytes that came over each kind of connection. */
export interface Received {
  tcp: number
  utp: number
  webSeed: number
}

/**
 * Watches where the pieces of a torrent come from, and drops who sends wrong ones, which webtorrent does not: alone it would
 * load the same wrong piece from the same web seed for ever.
 */
export function watchSources(torrent: Torrent, options: SourcesOptions): Received {
  const { banned, isUdpOnly, log } = options
  const received: Received = { tcp: 0, utp: 0, webSeed: 0 }
  const blame = new Blame<string>()
  const lone = new LonePieces(torrent, (index) => blame.forget(index))

  torrent.on('wire', (wire: Wire) => {
    const kind = wire.type === 'webSeed' ? 'webSeed' : wire.type.startsWith('utp') ? 'utp' : 'tcp'
    const source = sourceOf(torrent, wire)
    if (banned.has(source) || (isUdpOnly && kind !== 'utp')) {
      wire.destroy()
      return
    }
    log.debug({ source, kind }, 'connected to a source')
    wire.on('failed', (error: Error) => log.debug({ source, err: error }, 'a message of a source could not be read'))
    wire.on('piece', (index: number, offset: number, bytes: Uint8Array) => {
      received[kind] += bytes.length
      if (!torrent.bitfield.get(index)) blame.note(index, { source, offset, bytes })
    })
  })
  torrent.on('verified', (index: number) => {
    lone.delete(index)
    if (!blame.verify(index)) return
    torrent.store?.get(index, null, (_, right) => {
      for (const source of right === undefined ? [] : blame.compare(index, right)) drop(torrent, source, index, options)
    })
  })
  torrent.on('warning', (warning: Error) => {
    const index = /^Piece (\d+) failed verification$/.exec(warning.message)?.[1]
    if (index === undefined) {
      log.debug({ reason: warning.message }, 'warning of the swarm')
      return
    }
    const liar = blame.fail(Number(index))
    lone.add(Number(index))
    if (liar !== null) drop(torrent, liar, Number(index), options)
  })
  return received
}

function drop(torrent: Torrent, source: string, piece: number, { banned, onDropped, log }: SourcesOptions): void {
  // Several of his pieces may be found wrong at once.
  if (!banned.has(source)) {
    log.warn({ source, piece }, 'a source that sent wrong bytes is dropped')
    onDropped?.(`${source} sent wrong bytes, and is asked no longer`)
  }
  banned.add(source)
  for (const { id, wire } of [...(torrent._peers?.values() ?? [])])
    if (wire !== null && sourceOf(torrent, wire) === source) torrent.removePeer(id)
}

/** A web seed is known by its address, anybody else by where it is. */
function sourceOf(torrent: Torrent, wire: Wire): string {
  if (wire.type === 'webSeed') return memberOf(torrent, wire) ?? 'a web seed'
  return `${wire.remoteAddress?.replace(/^::ffff:/, '')}:${wire.remotePort}`
}

/** @returns what webtorrent calls the other end of a wire */
function memberOf(torrent: Torrent, wire: Wire): string | null {
  for (const { id, wire: other } of torrent._peers?.values() ?? []) if (other === wire) return id
  return null
}
