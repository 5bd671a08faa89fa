import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRunFile } from '@holdfast/launcher/data/run-file'
import { readJoinOptions } from '@holdfast/launcher/join/join-options'
import { joinEnvironment } from '@holdfast/launcher/join/prepare-file-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
let fileServersDirectory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-join-'))
  fileServersDirectory = join(directory, 'data', 'file-servers')
  await mkdir(join(fileServersDirectory, '3'), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const managerUrl = 'http://127.0.0.1:8000'
const keepRunFile = (pid: number) =>
  writeRunFile(join(directory, 'data', 'run.json'), {
    pid,
    managerUrl,
    clusterSecret: 'the secret of data',
    fileServersDirectory,
    mongoUrl: 'mongodb://127.0.0.1:9',
  })

async function joinWith(args: string[], environment: Record<string, string> = {}): Promise<Record<string, string>> {
  const options = readJoinOptions(args, environment, directory)
  if (options === null) throw new Error('only the usage was asked for')
  return joinEnvironment(options)
}

describe('npm run file-server', () => {
  test('joins the npm start that runs in ./data, with a new data directory of its own each time', async () => {
    await keepRunFile(process.pid)
    const both = await Promise.all([joinWith([]), joinWith([])])
    expect(both.map(({ NAME }) => NAME).sort()).toEqual(['4', '5'])
    for (const env of both) {
      expect(env).toMatchObject({ MANAGERS: managerUrl, CLUSTER_SECRET: 'the secret of data', DATA_ROOT: '' })
      expect(env.DATA_DIR).toBe(join(fileServersDirectory, env.NAME ?? ''))
    }
    expect((await readdir(fileServersDirectory)).sort()).toEqual(['3', '4', '5'])
  })

  test('finds a running one by its data directory, and keeps its files where it is told to', async () => {
    await keepRunFile(process.pid)
    const env = await joinWith(['--join', join(directory, 'data'), '--data', './mine', '--name', 'attic'])
    expect(env).toMatchObject({ MANAGERS: managerUrl, DATA_DIR: join(directory, 'mine'), NAME: 'attic' })
    expect(await readdir(fileServersDirectory)).toEqual(['3'])
  })

  test('joins one on another machine by settings alone, and comes back to the same data directory', async () => {
    const environment = { MANAGERS: 'http://10.0.0.1:8000', CLUSTER_SECRET: 'the secret of there' }
    const env = await joinWith([], environment)
    expect(env).toMatchObject({ ...environment, DATA_DIR: join(directory, 'data', 'file-server') })
    expect(await joinWith([], environment)).toEqual(env)
    expect(await joinWith([], { ...environment, DATA_ROOT: '/srv' })).toMatchObject({ DATA_DIR: '', DATA_ROOT: '/srv' })
  })

  test('says what is missing when nothing runs, and when it has ended', async () => {
    await expect(joinWith([])).rejects.toThrow(/^No running Holdfast was found in .*data: start one with "npm start"/)
    await keepRunFile(2 ** 22 + 1)
    await expect(joinWith([])).rejects.toThrow(/^No running Holdfast was found/)
    await expect(joinWith(['--managers', 'http://10.0.0.1:8000'])).rejects.toThrow(
      /set CLUSTER_SECRET: .*cluster-secret/,
    )
    await expect(joinWith(['--nonsense'])).rejects.toThrow(/npm run file-server/)
  })
})
