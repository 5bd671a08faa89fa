import { access } from 'node:fs/promises'

interface PeerModule {
  runPeer(args: readonly string[], options: { manager: string; signal: AbortSignal }): Promise<number>
}

/** The peer is a program of its own with many packages, which are there only where somebody has used it. */
const script = new URL('../../../scripts/peer.mjs', import.meta.url)

/** @returns the exit code of `holdfast peer`. @throws Error where this is no whole clone of the project */
export async function peer(
  args: readonly string[],
  options: { readonly manager: string; readonly signal: AbortSignal },
): Promise<number> {
  await access(script).catch((cause: unknown) => {
    throw new Error('the peer is not here: run it in a clone of the project', { cause })
  })
  const { runPeer } = (await import(script.href)) as PeerModule
  return runPeer(args, options)
}
