import { basename } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { PutOptions } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { formatBytes } from './format.ts'
import { upload } from './upload.ts'

/**
 * @param path is `-` for standard input. @param name ends with a slash where the last part of the path is to follow.
 */
export async function put(
  console: Console,
  path: string,
  name: string | undefined,
  wish: Pick<PutOptions, 'storageClass' | 'expires' | 'replace'>,
): Promise<void> {
  const filename = chooseName(path, name)
  const { stored, sizeBytes, sha256 } = await upload(console, { path, title: filename }, (source, options) =>
    console.client.put(filename, source, { ...options, ...wish }),
  )
  const { id, isDegraded } = stored
  const result = { filename: stored.filename, id, sizeBytes, sha256, ...(isDegraded && { isDegraded }) }
  const note = isDegraded ? '; fewer file-servers have it yet than should' : ''
  printResult(console, result, `stored ${stored.filename} (${formatBytes(sizeBytes)}, id ${id}${note})`)
}

function chooseName(path: string, name: string | undefined): string {
  if (name !== undefined && !name.endsWith('/')) return name
  if (path === '-') throw new StoreError('INVALID_REQUEST', 'give a name for what comes from standard input')
  return (name ?? '') + basename(path)
}
