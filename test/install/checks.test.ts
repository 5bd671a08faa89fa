import { describe, expect, test } from 'vitest'
import { findImportProblems } from '../../scripts/checks/import-rules.ts'
import { findLockProblems, findVersionProblems } from '../../scripts/checks/package-rules.ts'

const problemsOf = (path: string, ...imports: string[]): string[] =>
  findImportProblems([{ path, imports, isBarrel: false }])

describe('the check of import directions', () => {
  test.each([
    ['shared/src/ids.ts', './errors/store-error.ts'],
    ['shared/src/node/logger.ts', 'node:fs'],
    ['manager/src/files/put-file.ts', '../chunks/writing/chunk-writer.ts'],
    ['manager/src/api/file/file.routes.ts', '../../http/request-context.ts'],
    ['manager/src/api/file/file.routes.ts', '../../files/put-file.ts'],
    ['manager/src/app.ts', './upkeep/rebalance.ts'],
    ['manager/src/main.ts', './app.ts'],
    ['manager/test/files/put-file.test.ts', '../../src/app.ts'],
    ['client/src/cli/main.ts', 'node:fs'],
    ['client/src/store-client.ts', '@holdfast/shared/ids'],
    ['test/whole.test.ts', '@holdfast/launcher/config'],
    ['test/install/deployment.test.ts', '@holdfast/manager/config'],
    ['bench/src/main.ts', '@holdfast/shared/run-file'],
    ['file-server/src/link/uploads.ts', '../store/store.ts'],
    ['file-server/src/store/local-store.ts', './journal/journal.ts'],
    ['file-server/src/store/tree/slot-changes.ts', '../journal/journal.ts'],
    ['file-server/src/store/tree/slot-changes.ts', './slot.ts'],
    ['file-server/src/app.ts', './store/open-store.ts'],
    ['peer/src/swarm/trackers/announcer.ts', '../download.ts'],
    ['peer/src/swarm/download.ts', '../peer-error.ts'],
  ])('lets %s import %s', (path, specifier) => {
    expect(problemsOf(path, specifier)).toEqual([])
  })

  test.each([
    ['shared/src/ids.ts', '@holdfast/manager/config', 'shared may import no other package'],
    ['shared/src/wire/peer.ts', 'node:events', 'browsers load this file'],
    ['shared/src/wire/peer.ts', '../node/logger.ts', 'browsers load this file'],
    ['client/src/store-client.ts', 'node:crypto', 'browsers load this file'],
    ['client/src/store-client.ts', './node/save-file.ts', 'browsers load this file'],
    ['client/src/store-client.ts', '@holdfast/shared/node/logger', 'browsers load this file'],
    ['file-server/src/app.ts', '../../manager/src/config.ts', 'file-server may import shared'],
    ['launcher/src/main.ts', '@holdfast/client/store-client', 'launcher may import shared'],
    ['manager/src/files/put-file.ts', '../upkeep/rebalance.ts', 'the folder files may import chunks, mongo'],
    ['manager/src/chunks/registry.ts', '../files/file.model.ts', 'the folder chunks may import no other folder'],
    [
      'manager/src/api/file/file.routes.ts',
      '../cluster/active-nodes.routes.ts',
      'the folder api/file may import api/file-exchange, files',
    ],
    ['manager/src/files/put-file.ts', '../http/request-context.ts', 'the folder files may import'],
    ['manager/src/new-folder/a.ts', '../files/file.model.ts', 'is not in the table'],
    [
      'file-server/src/link/uploads.ts',
      '../store/local-store.ts',
      'the folder link may import decode, http, store/store.ts',
    ],
    ['file-server/src/http/get-chunk.ts', '../store/tree/copy-tree.ts', 'the folder http may import'],
    ['file-server/src/http/get-chunk.ts', '../link/uploads.ts', 'the folder http may import'],
    ['file-server/src/store/tree/copy-tree.ts', '../local-store.ts', 'the folder store/tree may import'],
    ['file-server/src/store/journal/journal.ts', '../tree/slot.ts', 'the folder store/journal may import store/disk'],
    [
      'file-server/src/store/quarantine/quarantine.ts',
      '../journal/journal.ts',
      'the folder store/quarantine may import',
    ],
    ['file-server/src/store/disk/walk.ts', '../tree/slot.ts', 'the folder store/disk may import no other folder'],
    ['file-server/src/store/new-room/a.ts', '../disk/walk.ts', 'the folder store/new-room is not in the table'],
    ['peer/src/swarm/download.ts', '../commands/command.ts', 'the folder swarm may import no other folder'],
    ['client/src/node/save-file.ts', '../cli/main.ts', 'the folder node may import no other folder'],
    ['launcher/src/files/a.ts', '../start/launch.ts', 'the folder files may import no other folder'],
    ['manager/src/files/put-file.ts', '../app.ts', 'only main.ts imports app.ts'],
    ['manager/src/app.ts', '../test/app.test.ts', 'sources do not import tests'],
    ['launcher/src/start.ts', '../dist/start.js', 'dist/ is built'],
    ['test/whole.test.ts', '@holdfast/manager/app', 'test may import'],
  ])('refuses that %s imports %s', (path, specifier, problem) => {
    expect(problemsOf(path, specifier)).toEqual([expect.stringContaining(problem)])
  })

  test('refuses barrels', () => {
    expect(findImportProblems([{ path: 'shared/src/all.ts', imports: ['./ids.ts'], isBarrel: true }])).toHaveLength(1)
    expect(problemsOf('shared/src/errors/index.ts')).toHaveLength(1)
  })
})

describe('the check of dependencies', () => {
  test('refuses versions that are not exact', () => {
    const dependencies = { a: '1.2.3', b: '^1.2.3', c: '*', d: '1.2.3-beta.1' }
    expect(findVersionProblems('package.json', { dependencies })).toEqual([
      'package.json: b is "^1.2.3", not an exact version',
      'package.json: c is "*", not an exact version',
    ])
  })

  test('refuses a lock file that names a registry', () => {
    const packages = {
      'node_modules/a': { resolved: 'https://registry.example/a.tgz' },
      'node_modules/b': { resolved: 'b' },
    }
    expect(findLockProblems({ packages })).toEqual([
      'package-lock.json: node_modules/a is tied to https://registry.example/a.tgz',
    ])
  })
})
