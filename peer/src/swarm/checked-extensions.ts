import { decodeBencode, decodeFirst } from '@holdfast/shared/node/torrent/bencode'
import type Wire from 'bittorrent-protocol'
import type { Metadata } from 'bittorrent-protocol'

const MAX_HANDSHAKE_BYTES = 16 * 1024
const MAX_HANDSHAKE_VALUES = 256
const MAX_EXTENSIONS = 64
/** Whoever comes to speak something else says so in another handshake, and most do not. */
const MAX_HANDSHAKES = 20
const METADATA_PIECE_BYTES = 16 * 1024
/** More than this ut_metadata takes from nobody. */
const MAX_METADATA_BYTES = 10_000_000
const MAX_METADATA_VALUES = 16
const kinds = { request: 0, data: 1, reject: 2 } as const

/**
 * Checks what others send of extensions (BEP 9, BEP 10) before the protocol's reader and ut_metadata see it. Their decoder
 * loops for ever over a length below zero and takes nothing at all for a value, and they throw where a field is not what they
 * expect. Here it is an error of the one connection.
 */
export function checkedExtensions({ _onExtended, use }: Wire): Partial<Wire> {
  const handshakes = new WeakMap<Wire, number>()
  return {
    _onExtended(this: Wire, id: number, bytes: Uint8Array): void {
      const count = (handshakes.get(this) ?? 0) + (id === 0 ? 1 : 0)
      handshakes.set(this, count)
      if (count > MAX_HANDSHAKES || !isSound(this, id, bytes)) throw new Error('it is no message of an extension')
      _onExtended.call(this, id, bytes)
    },
    use(this: Wire, extension: unknown): void {
      use.call(this, extension)
      if (this.ut_metadata !== undefined) checkInfo(this.ut_metadata)
    },
  }
}

/** The info of a torrent is whatever its maker wanted: that its hash is right says nothing of what is in it. */
function checkInfo(metadata: Metadata): void {
  if (Object.hasOwn(metadata, 'setMetadata')) return
  const { setMetadata } = metadata
  const isInfo = (bytes: Uint8Array): boolean => {
    try {
      return isDictionary(decodeBencode(bytes))
    } catch {
      return false
    }
  }
  metadata.setMetadata = async (bytes) => isInfo(bytes) && setMetadata.call(metadata, bytes)
}

/** @throws where it is not bencoded */
function isSound(wire: Wire, id: number, bytes: Uint8Array): boolean {
  const { ut_metadata: metadata, extendedMapping } = wire
  if (id === 0) return isHandshake(wire, bytes)
  return metadata === undefined || extendedMapping[id] !== 'ut_metadata' || isMetadataMessage(metadata, bytes)
}

function isHandshake({ peerExtendedMapping }: Wire, bytes: Uint8Array): boolean {
  if (bytes.length > MAX_HANDSHAKE_BYTES) return false
  const handshake = decodeBencode(bytes, MAX_HANDSHAKE_VALUES)
  if (!isDictionary(handshake)) return false
  const { m: mapping = {} } = handshake
  if (!isDictionary(mapping)) return false
  const names = new Set([...Object.keys(peerExtendedMapping), ...Object.keys(mapping)])
  return names.size <= MAX_EXTENSIONS && Object.values(mapping).every((id) => isBelow(256, id))
}

function isMetadataMessage({ _metadataSize, _fetching }: Metadata, bytes: Uint8Array): boolean {
  const { value, length } = decodeFirst(bytes, MAX_METADATA_VALUES)
  if (!isDictionary(value)) return false
  const { msg_type: kind, piece } = value
  if (!isBelow(256, kind)) return false
  // BEP 9 has unknown ones passed over.
  if (kind > kinds.reject) return true
  const size = _metadataSize ?? MAX_METADATA_BYTES
  if (!isBelow(Math.ceil(size / METADATA_PIECE_BYTES), piece)) return false
  const wanted = Math.min(METADATA_PIECE_BYTES, size - piece * METADATA_PIECE_BYTES)
  return kind !== kinds.data || !_fetching || bytes.length - length === wanted
}

function isBelow(limit: number, value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < limit
}

function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
