import { ensurePeerBuilt, ensurePeerInstalled } from './bootstrap.mjs'

/**
 * Runs `holdfast peer`, whose packages are installed and whose sources are compiled the first time. The client loads it.
 * @public
 * @param {readonly string[]} args
 * @param {{ manager: string, signal: AbortSignal }} options
 * @returns {Promise<number>} the exit code
 */
export async function runPeer(args, options) {
  await ensurePeerInstalled()
  await ensurePeerBuilt()
  const { main } = await import(new URL('../peer/bundle/main.js', import.meta.url).href)
  return main(args, options)
}
