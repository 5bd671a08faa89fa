import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { contentOf } from '../../src/contents.ts'
import { announceAnswer, infoOf, torrentOf } from '../../src/swarm/torrent.ts'

const MIB = 1024 ** 2
const file = { name: 'film.bin', sizeBytes: 2 * MIB + 7, seed: 0 }

it('describes the bytes of a file, piece by piece and as a whole', () => {
  const bytes = Buffer.concat([...contentOf(file)])
  const sha1 = (from: number) =>
    createHash('sha1')
      .update(bytes.subarray(from, from + MIB))
      .digest()
  const info = infoOf(file)
  expect(info.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(torrentOf(info, 'http://x/1')).toEqual(
    Buffer.concat([
      Buffer.from(
        'd8:announce10:http://x/14:infod6:lengthi2097159e4:name8:film.bin12:piece lengthi1048576e6:pieces60:',
      ),
      ...[0, MIB, 2 * MIB].map(sha1),
      Buffer.from('ee'),
    ]),
  )
})

it('names seeds of this machine', () => {
  expect(announceAnswer([0x1234, 80]).toString('latin1')).toBe(
    'd8:intervali1800e5:peers12:\x7f\0\0\x01\x12\x34\x7f\0\0\x01\0Pe',
  )
})
