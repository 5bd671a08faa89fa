import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * This is a copy of the repository's sources, as they are at the moment, with the packages linked. It is removed with
 * all it holds.
 */
export class ScratchCopy implements AsyncDisposable {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<ScratchCopy> {
    const copy = new ScratchCopy(await mkdtemp(join(tmpdir(), 'holdfast-mutants-')))
    const git = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']
    const deleted = execFileSync('git', ['ls-files', '-z', '--deleted'], { cwd: root, encoding: 'utf8' }).split('\0')
    const paths = execFileSync('git', git, { cwd: root, encoding: 'utf8' }).split('\0')
    for (const path of paths) {
      if (path === '' || deleted.includes(path)) continue
      await mkdir(dirname(join(copy.directory, path)), { recursive: true })
      await cp(join(root, path), join(copy.directory, path))
    }
    await copy.#linkPackages()
    return copy
  }

  /** @throws Error where the text does not stand in the file exactly once. @returns what puts the file back */
  async replace(path: string, find: string, replacement: string): Promise<() => Promise<void>> {
    const file = join(this.directory, path)
    const source = await readFile(file, 'utf8')
    const count = source.split(find).length - 1
    if (count !== 1) throw new Error(`the text to replace stands ${count} times in ${path}`)
    await writeFile(
      file,
      source.replace(find, () => replacement),
    )
    return () => writeFile(file, source)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }

  /** The packages of others are those of the repository, its own are those of the copy. */
  async #linkPackages(): Promise<void> {
    const modules = join(this.directory, 'node_modules')
    await mkdir(join(modules, '@holdfast'), { recursive: true })
    for (const name of await readdir(join(root, 'node_modules')))
      if (name !== '@holdfast') await symlink(join(root, 'node_modules', name), join(modules, name))
    for (const name of await readdir(join(root, 'node_modules/@holdfast')))
      await symlink(join(this.directory, name), join(modules, '@holdfast', name))
  }
}
