import type { Logger } from '@holdfast/shared/node/logger'
import type Wire from 'bittorrent-protocol'
import type { Torrent } from 'webtorrent'

/** Somebody who sent wrong bytes together with others is dropped after this many times; one who did it alone, at once. */
const MAX_SHARED_FAULTS = 3
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
  return host === undefined || /^127\.|^::1$/.test(host) ? source : host
}

export interface SourcesOptions {
  readonly banned: BannedSources
  /** Whether only uTP is spoken. */
  readonly isUdpOnly: boolean
  readonly log: Logger
}

/** How many bytes came from where. */
export interface Received {
  tcp: number
  utp: number
  webSeed: number
}

/**
 * Watches where the pieces of a torrent come from, and drops who sends wrong ones, which webtorrent does not: alone it would
 * load the same wrong piece from the same web seed for ever.
 */
export function watchSources(torrent: Torrent, { banned, isUdpOnly, log }: SourcesOptions): Received {
  const received: Received = { tcp: 0, utp: 0, webSeed: 0 }
  /** Who sent something of a piece that is not verified yet. */
  const senders = new Map<number, Map<string, Wire>>()
  const faults = new Map<string, number>()

  torrent.on('wire', (wire: Wire) => {
    const kind = wire.type === 'webSeed' ? 'webSeed' : wire.type.startsWith('utp') ? 'utp' : 'tcp'
    const source = sourceOf(torrent, wire)
    if (banned.has(source) || (isUdpOnly && kind !== 'utp')) {
      wire.destroy()
      return
    }
    log.debug({ source, kind }, 'connected to a source')
    wire.on('piece', (index: number, _offset: number, bytes: Uint8Array) => {
      received[kind] += bytes.length
      if (torrent.bitfield.get(index)) return
      const known = senders.get(index) ?? new Map<string, Wire>()
      senders.set(index, known.set(source, wire))
    })
  })
  torrent.on('verified', (index: number) => senders.delete(index))
  torrent.on('warning', (warning: Error) => {
    const index = /^Piece (\d+) failed verification$/.exec(warning.message)?.[1]
    if (index === undefined) {
      log.debug({ reason: warning.message }, 'warning of the swarm')
      return
    }
    const suspects = [...(senders.get(Number(index)) ?? [])]
    senders.delete(Number(index))
    for (const [source, wire] of suspects) {
      const count = (faults.get(source) ?? 0) + 1
      faults.set(source, count)
      if (suspects.length > 1 && count < MAX_SHARED_FAULTS) continue
      log.warn({ source, piece: Number(index) }, 'a source that sent wrong bytes is dropped')
      banned.add(source)
      const id = memberOf(torrent, wire)
      if (id !== null) torrent.removePeer(id)
    }
  })
  return received
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
