import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { BodyScanner } from './formats/body-scanner.ts'
import { IncomingBytes } from './incoming-bytes.ts'
import type { IncomingFile } from './incoming-file.ts'

/** Scans a body that is all there. @throws StoreError, as `IncomingFile` does */
export function wholeFileOf(body: Buffer, scanner: BodyScanner): IncomingFile {
  let encoding: Encoding | null = null
  let name: FileName | null = null
  let earlyName: FileName | null = null
  const pieces: Buffer[] = []
  for (const event of [...scanner.push(body), ...scanner.end()]) {
    if (event.kind === 'name') name = event.name
    else if (event.kind === 'file') [encoding, earlyName] = [event.encoding, name]
    else if (event.kind === 'bytes') pieces.push(event.bytes)
  }
  if (encoding === null || name === null) throw new StoreError('INTERNAL', 'a scanner found no file and did not say so')
  const [first] = pieces
  const bytes = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
  return { earlyName, bytes: IncomingBytes.whole(encoding, bytes), finish: () => Promise.resolve(name) }
}
