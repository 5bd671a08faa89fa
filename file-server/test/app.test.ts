import { hostname } from 'node:os'
import { createLogger } from '@holdfast/shared/node/logger'
import { readSettings } from '@holdfast/shared/settings/settings'
import { expect, test } from 'vitest'
import { startFileServer } from '../src/app.ts'
import { fileServerSettings } from '../src/config.ts'
import { ScriptedManager } from './link/scripted-manager.ts'
import { useDataDirectory } from './store/store-fixture.ts'

const data = useDataDirectory()

test.each<[string, Record<string, string>, string]>([
  ['the one that is set', { ZONE: 'rack 1' }, 'rack 1'],
  ['that of its host where none is set', {}, hostname()],
])('a file-server tells its zone: %s', async (_, given, zone) => {
  await using manager = await ScriptedManager.start()
  const env = { MANAGERS: manager.url, CLUSTER_SECRET: 'a secret of this test', DATA_DIR: data.path(), ...given }
  const settings = readSettings(fileServerSettings, env)
  const service = await startFileServer(settings, createLogger('test', 'silent'))
  try {
    expect((await manager.connection(1)).hello.zone).toBe(zone)
  } finally {
    await service.close()
  }
})
