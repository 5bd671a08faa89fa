import { isUnchanged } from '../shares/sharing.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'

/** Lists what is shared: the id of a song, the tracker's hash of a torrent of the document, the info-hash of any other. */
export async function list({ shares }: PeerDeps, ui: Ui): Promise<void> {
  for (const share of shares.all) {
    const key =
      share.kind === 'song' ? (share.id ?? 'not published yet') : share.kind === 'json' ? share.hash : share.infoHash
    const state = (await isUnchanged(share)) ? '' : '  (changed or gone: not shared)'
    ui.print(`${share.kind.padEnd(7)}  ${key}  ${share.size}  ${share.path}${state}`)
  }
  if (shares.all.length === 0) ui.say('nothing is shared')
}
