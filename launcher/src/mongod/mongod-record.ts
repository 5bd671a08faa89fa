import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/shared/node/run-service'
import { parseJson } from '@holdfast/shared/parse-json'
import { writeFileAtomically } from '../files/write-file-atomically.ts'

/**
 * The record lies beside the data, which opens only under the series of mongod that made it and whose replica set
 * remembers its port.
 */
export interface MongodRecord {
  readonly path: string
  readonly version: string
  readonly port: number
}

function recordFile(directory: string): string {
  return join(directory, 'mongod.json')
}

export async function readMongodRecord(directory: string): Promise<MongodRecord | null> {
  const text = await readFile(recordFile(directory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : parseMongodRecord(text, recordFile(directory))
}

function parseMongodRecord(text: string, file: string): MongodRecord {
  const { path, version, port }: Record<string, unknown> = Object(parseJson(text))
  if (typeof path === 'string' && typeof version === 'string' && typeof port === 'number')
    return { path, version, port }
  throw new StartError(`${file} is damaged.`)
}

export async function writeMongodRecord(directory: string, record: MongodRecord): Promise<void> {
  await writeFileAtomically(recordFile(directory), `${JSON.stringify(record, null, 2)}\n`, 0o644)
}
