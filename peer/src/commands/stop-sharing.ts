import { sep } from 'node:path'
import { PeerError } from '../peer-error.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'
import { withdraw } from './songs.ts'

/** Shares a file, or all below a folder, no longer. The files stay. */
export async function stopSharing(deps: PeerDeps, ui: Ui, path: string, signal: AbortSignal): Promise<void> {
  const meant = deps.shares.all.filter((share) => share.path === path || share.path.startsWith(path + sep))
  if (meant.length === 0) throw new PeerError(`${path} is not shared`)
  for (const share of meant) if (share.kind !== 'song') await deps.sharing.remove(share)
  await withdraw(
    deps,
    meant.filter((share) => share.kind === 'song'),
    signal,
  )
  await deps.shares.save()
  ui.print(`${meant.length} no longer shared`)
}
