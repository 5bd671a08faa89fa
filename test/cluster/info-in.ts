/** @returns the dictionary `info` as it stands in a torrent, which info-hashes are of */
export function infoIn(torrent: Buffer): Buffer {
  const text = torrent.toString('latin1')
  const next = text.includes('12:piece layers') ? '12:piece layers' : '8:url-list'
  return Buffer.from(text.slice(text.indexOf('4:info') + 6, text.indexOf(next)), 'latin1')
}
