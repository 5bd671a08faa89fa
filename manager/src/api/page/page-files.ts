import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lookup } from 'mime-types'
import { builtPage } from '../../beside.ts'
import type { PageLinks } from '../file-exchange/plain-page.ts'

const encodings = { br: '.br', gzip: '.gz' } as const
export type PageEncoding = keyof typeof encodings

export interface PageFile {
  readonly type: string
  readonly etag: string
  readonly bytes: Buffer
  /** These are the same bytes as they were compressed when the page was built. */
  readonly compressed: Readonly<Partial<Record<PageEncoding, Buffer>>>
}

/** Keeps the built page in memory, for it is small. */
export interface PageFiles extends PageLinks {
  readonly index: PageFile | null
  /** Their names have a digest in them, so they never change. */
  readonly assets: ReadonlyMap<string, PageFile>
}

/** Reads the built page. Where it was not built there is none of it, and the rest of the manager works all the same. */
export async function readPageFiles(directory = builtPage): Promise<PageFiles> {
  const path = join(directory, 'assets')
  if (!existsSync(path)) return { index: null, assets: new Map(), stylesheet: null, icon: null }
  const names = (await readdir(path)).filter(
    (name) => !Object.values(encodings).some((ending) => name.endsWith(ending)),
  )
  const assets = new Map<string, PageFile>()
  for (const name of names) assets.set(name, await readPageFile(join(path, name)))
  const index = await readPageFile(join(directory, 'index.html'))
  const linked = (pattern: RegExp): string | null => pattern.exec(index.bytes.toString())?.[1] ?? null
  return {
    index,
    assets,
    stylesheet: linked(/<link rel="stylesheet"[^>]* href="(\/assets\/[^"]+)"/),
    icon: linked(/<link rel="icon"[^>]* href="(\/assets\/[^"]+)"/),
  }
}

async function readPageFile(path: string): Promise<PageFile> {
  const bytes = await readFile(path)
  const compressed: Partial<Record<PageEncoding, Buffer>> = {}
  for (const [encoding, ending] of Object.entries(encodings) as [PageEncoding, string][])
    if (existsSync(path + ending)) compressed[encoding] = await readFile(path + ending)
  const type = lookup(path) || 'application/octet-stream'
  return {
    type: /^text\/|javascript|json/.test(type) ? `${type}; charset=utf-8` : type,
    etag: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
    bytes,
    compressed,
  }
}
