import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** The first build of a checkout may have to install its packages. */
const BUILD_LIMIT_MS = 900_000

/**
 * Builds another checkout by its own script, which does nothing where everything is built.
 * @returns the program that starts its system
 */
export async function buildCheckout(path: string): Promise<URL> {
  const root = resolve(path)
  const script = join(root, 'scripts/build.mjs')
  await stat(script).catch((cause: unknown) => {
    throw new Error(`--beside ${path}: no checkout of Holdfast, for it has no scripts/build.mjs`, { cause })
  })
  try {
    await promisify(execFile)(process.execPath, [script], { cwd: root, timeout: BUILD_LIMIT_MS })
  } catch (cause) {
    throw new Error(`--beside ${path}: it could not be built: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  return pathToFileURL(join(root, 'launcher/dist/main.js'))
}
