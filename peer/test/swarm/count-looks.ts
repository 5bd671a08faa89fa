import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'

/** Counts how often one of a torrent's files is looked at. */
export function countLooks(files: Metainfo['files']) {
  const count = {
    looks: 0,
    files: new Proxy(files, {
      get: (target, key, receiver) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) count.looks += 1
        return Reflect.get(target, key, receiver)
      },
    }),
  }
  return count
}
