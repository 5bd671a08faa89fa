import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { saveFile, targetExists } from '../node/save-file.ts'
import { verifiedBytes } from '../node/verified-download.ts'
import { type Console, printResult } from './console.ts'
import { formatBytes } from './format.ts'
import { type Progress, showProgress } from './progress.ts'

/** @param path `-` for standard output; a directory takes the file under the last part of its name. */
export async function get(console: Console, name: string, path: string | undefined, isForced: boolean): Promise<void> {
  const target = path === '-' ? null : await chooseTarget(name, path, isForced)
  const download = await console.client.get(name, { signal: console.signal })
  using progress = showProgress(name, download.sizeBytes, console.stderr)
  const bytes = measured(verifiedBytes(download), progress)
  if (target === null) {
    await pipeline(Readable.from(bytes, { objectMode: false }), console.stdout, { end: false, signal: console.signal })
    return
  }
  await saveFile(target, bytes, isForced)
  const { sizeBytes, sha256, contentType } = download
  const result = { filename: name, path: target, sizeBytes, sha256, contentType }
  printResult(console, result, `saved ${name} as ${target} (${formatBytes(sizeBytes)})`)
}

async function chooseTarget(name: string, path: string | undefined, isForced: boolean): Promise<string> {
  const own = basename(name)
  const isDirectory = path !== undefined && (await kindOf(path)) === 'directory'
  if ((path === undefined || isDirectory) && ['', '.', '..'].includes(own)) {
    throw new StoreError('INVALID_REQUEST', `give a path to save ${name} under`)
  }
  const target = path === undefined ? own : isDirectory ? join(path, own) : path
  const kind = await kindOf(target)
  if (kind === 'directory') throw new Error(`${target} is a directory`)
  if (kind === 'file' && !isForced) throw targetExists(target)
  return target
}

async function kindOf(path: string): Promise<'directory' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'nothing'
    throw error
  }
}

async function* measured(bytes: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  let doneBytes = 0
  for await (const chunk of bytes) {
    yield chunk
    doneBytes += chunk.length
    progress.update(doneBytes)
  }
}
