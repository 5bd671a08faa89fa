import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { isLinkId } from '@holdfast/shared/ids'
import { saveFile, targetExists } from '../node/save-file.ts'
import { findSaveTarget, type SaveTarget } from '../node/save-target.ts'
import { writeSpecial } from '../node/special-file.ts'
import { errorCodeOf, PathError } from '../node/system-error.ts'
import { verifiedBytes } from '../node/verified-download.ts'
import type { CallOptions, Download, StoreClient } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { formatBytes } from './format.ts'
import { type Progress, showProgress } from './progress.ts'
import { findStored, type Ways } from './stored-file.ts'

/**
 * @param wanted is a name, an id or a link. @param path is `-` for standard output; a directory takes the file under the
 * last part of its name.
 */
export async function get(
  console: Console,
  wanted: string,
  path: string | undefined,
  isForced: boolean,
): Promise<void> {
  const { name, open } = await findStored(console, wanted, {
    byName: async (name) => ({ name, open: (options) => console.client.get(name, options) }),
    byId: (client, id) => findById(client, id, console.signal),
  } satisfies Ways<Openable>)
  const { shown, target } = await chooseTarget(name, path, isForced)
  const download = await open({ signal: console.signal })
  using progress = showProgress(name, download.sizeBytes, console.stderr)
  const bytes = measured(verifiedBytes(download), progress)
  if (target.kind === 'stdout') {
    await pipeline(Readable.from(bytes, { objectMode: false }), console.stdout, { end: false, signal: console.signal })
    return
  }
  await write(console, target, bytes, isForced).catch((error: unknown) => {
    throw error instanceof StoreError || errorCodeOf(error) === 'EPIPE' ? error : new PathError(shown, error)
  })
  const { sizeBytes, sha256, contentType } = download
  const result = { filename: name, path: shown, sizeBytes, sha256, contentType }
  printResult(console, result, `saved ${name} as ${shown} (${formatBytes(sizeBytes)})`)
}

interface Openable {
  readonly name: string
  readonly open: (options: CallOptions) => Promise<Download>
}

async function findById(client: StoreClient, id: string, signal: AbortSignal): Promise<Openable> {
  const { name, etag } = await client.file(id, { signal })
  if (isLinkId(id)) return { name, open: (options) => client.getShare(id, options) }
  // A file that has taken the name meanwhile is not the one with the id.
  return { name, open: (options) => client.get(name, { ...options, ifMatch: etag }) }
}

type NamedTarget = Extract<SaveTarget, { readonly path: string }>

/** Replaces a regular file as a whole, and writes into anything else. */
async function write(
  { signal }: Console,
  target: NamedTarget,
  bytes: AsyncIterable<Uint8Array>,
  isForced: boolean,
): Promise<void> {
  if (target.kind === 'file') await saveFile(target.path, bytes, isForced)
  else await pipeline(Readable.from(bytes, { objectMode: false }), await writeSpecial(target.path, signal), { signal })
}

interface Choice {
  /** This is how the user named it. */
  readonly shown: string
  readonly target: NamedTarget | { readonly kind: 'stdout' }
}

async function chooseTarget(name: string, path: string | undefined, isForced: boolean): Promise<Choice> {
  if (path === '-') return { shown: path, target: { kind: 'stdout' } }
  const given = path === undefined ? null : await findSaveTarget(path)
  if (path !== undefined && given !== null && given.kind !== 'directory') return checked(path, given, isForced)
  const own = basename(name)
  if (['', '.', '..'].includes(own)) throw new StoreError('INVALID_REQUEST', `give a path to save ${name} under`)
  const shown = path === undefined ? own : join(path, own)
  return checked(shown, await findSaveTarget(shown), isForced)
}

function checked(shown: string, target: SaveTarget, isForced: boolean): Choice {
  if (target.kind === 'directory') throw new Error(`${shown} is a directory`)
  const isOverwritten = (target.kind === 'file' && target.exists) || (target.kind === 'special' && target.isDisk)
  if (isOverwritten && !isForced) throw targetExists(shown)
  return { shown, target }
}

async function* measured(bytes: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  let doneBytes = 0
  for await (const chunk of bytes) {
    yield chunk
    doneBytes += chunk.length
    progress.update(doneBytes)
  }
}
