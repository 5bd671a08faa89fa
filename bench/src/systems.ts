import { mkdir, mkdtemp, open, rename } from 'node:fs/promises'
import type { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BenchFile, contentOf } from './contents.ts'
import { deleteFile, downloadFile, uploadFile } from './http-requests.ts'

export type SystemName = 'holdfast' | 'gridfs' | 'loopback' | 'disk'

/** What is measured side by side. */
export interface System {
  readonly name: SystemName
  readonly upload: (agent: Agent, file: BenchFile) => Promise<void>
  /** Absent where there is nothing to compare. */
  readonly download?: (agent: Agent, file: BenchFile) => Promise<void>
  readonly remove?: (agent: Agent, file: BenchFile) => Promise<void>
}

export function httpSystem(name: SystemName, url: string): System {
  return {
    name,
    upload: (agent, file) => uploadFile(url, agent, file),
    download: (agent, file) => downloadFile(url, agent, file),
    remove: (agent, file) => deleteFile(url, agent, file),
  }
}

/** The least that a durable file costs: write, fsync, rename, fsync of the directory. */
export async function diskSystem(directory: string): Promise<System> {
  const files = join(directory, 'files')
  await mkdir(files, { recursive: true })
  return {
    name: 'disk',
    async upload(_, file) {
      const part = join(files, `${file.name}.part`)
      const handle = await open(part, 'wx')
      try {
        for (const piece of contentOf(file)) await handle.writeFile(piece)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(part, join(files, file.name))
      const parent = await open(files, 'r')
      try {
        await parent.sync()
      } finally {
        await parent.close()
      }
    },
  }
}

export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'holdfast-bench-'))
}
