import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { createLogger } from '@holdfast/shared/node/logger'
import { afterAll, expect, test } from 'vitest'
import { audioInspector } from '../../src/audio/inspect-audio.ts'
import { MetadataReader } from '../../src/audio/metadata/metadata-reader.ts'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'
import { heldContent } from '../../src/files/inspection.ts'
import { type PutDeps, putFile } from '../../src/files/put-file.ts'
import { context, useStores } from '../files/stores.ts'
import { newName } from '../mongo/mongo-fixture.ts'
import { audioBytes } from './audio-files.ts'

const { fileServers } = useStores()
const log = createLogger('test', 'silent')
const script = new URL('./thread-of-sources.mjs', import.meta.url)
const [patient, hasty] = [new MetadataReader({ script, stepMs: 20_000 }), new MetadataReader({ script, turnMs: -1 })]
afterAll(() => Promise.all([patient.close(), hasty.close()]))

const put = async (deps: PutDeps, reader: MetadataReader, bytes: Buffer, addressedBy: 'path' | 'link' = 'path') => {
  const passing = (async function* () {
    yield bytes
  })()
  const name = newName() as FileName
  const source = { earlyName: null, bytes: new IncomingBytes('binary', passing), finish: async () => name }
  const inspection = { inspector: audioInspector(reader, log), reading: deps as never, log }
  return putFile({ ...deps, inspection }, source, { storageClass: 'single', addressedBy }, context())
}

test('the record of a file whose metadata had no turn says that it is due, where lists would have it', async () => {
  const { deps } = await fileServers(1)
  expect(await put(deps, hasty, audioBytes('sine.flac'))).toMatchObject({ audioDue: true })
  expect(await put(deps, hasty, audioBytes('sine.flac'), 'link')).not.toHaveProperty('audioDue')
  const read = await put(deps, patient, audioBytes('sine.flac'))
  expect(read.audio?.codec).toBe('flac')
  expect(read).not.toHaveProperty('audioDue')
})

test('what is broken is not due, and what cannot be had is', async () => {
  const inspection = audioInspector(patient, log).begin(() => audioBytes('sine.flac'))
  const file = { name: 'a' as FileName, requestId: 'r', signal: new AbortController().signal }
  expect(await inspection?.(heldContent(audioBytes('sine.flac').subarray(0, 20)), file)).toEqual({})
  const away = { size: 100_000, head: Buffer.alloc(0), read: () => Promise.reject(new StoreError('FILE_UNAVAILABLE')) }
  expect(await inspection?.(away, file)).toEqual({ isAudioDue: true })
})
