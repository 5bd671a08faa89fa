import { basename } from 'node:path'
import type { ShareOptions } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { upload } from './upload.ts'

/**
 * Stores a file and prints its link, and nothing else on standard output. @param path is `-` for standard input, for
 * which the store makes a name up unless one is given.
 */
export async function share(
  console: Console,
  path: string,
  wish: Pick<ShareOptions, 'name' | 'expires'>,
): Promise<void> {
  const { client, stderr, isJson } = console
  const label = wish.name ?? (path === '-' ? undefined : basename(path))
  const named = { ...wish, ...(label !== undefined && { name: label }) }
  const { stored, sizeBytes, sha256 } = await upload(console, { path, title: label ?? path }, (source, options) =>
    client.share(source, { ...options, ...named }),
  )
  const { id, name, expiresAt, isDegraded } = stored
  const link = client.urlOf(stored)
  const result = { link, filename: name, id, sizeBytes, sha256, expiresAt, ...(isDegraded && { isDegraded }) }
  printResult(console, result, link)
  if (isDegraded && !isJson) stderr.write(`holdfast: ${name}: fewer file-servers have it yet than should\n`)
}
