import { expect, test } from 'vitest'
import type { CopyId, Digest, Slot } from '../../src/ids.ts'
import { chunkTarget, issueChunkTicket, parseChunkTarget, withoutTicket, withTicket } from '../../src/node/chunk-url.ts'
import { bodyDigest, findTicketProblem } from '../../src/node/ticket.ts'

const copy = { sha256: 'ab'.repeat(32) as Digest, copyId: 'cd'.repeat(20) as CopyId, slot: 1297 as Slot }
const direct = {
  contentType: 'text/plain; charset=utf-8',
  disposition: `attachment; filename="f?r & x.txt"; filename*=UTF-8''f%C3%BCr%20%26%20x.txt`,
  modifiedAt: 1_700_000_000,
  otherwise: 'http://127.0.0.1:8000/download/1?direct=false',
}

test('what a target asks for is read from it again', () => {
  expect(parseChunkTarget(chunkTarget(copy))).toEqual({ sha256: copy.sha256, copy, direct: null })
  expect(parseChunkTarget(chunkTarget(copy, direct))).toEqual({ sha256: copy.sha256, copy, direct })
  expect(parseChunkTarget(`/chunk/${copy.sha256}`)).toEqual({ sha256: copy.sha256, copy: null, direct: null })
})

test.each(['/chunk', '/chunk/', `/chunk/${'AB'.repeat(32)}`, `/chunk/${copy.sha256}/x`, `/x/${copy.sha256}`, ''])(
  '%j is no target of a chunk',
  (target) => {
    expect(parseChunkTarget(target)).toBe(null)
  },
)

test('a name that is none is not looked up', () => {
  for (const query of [
    'copy=../..&slot=1',
    `copy=${copy.copyId}&slot=-1`,
    `copy=${copy.copyId}&slot=x`,
    `copy=${copy.copyId}`,
  ])
    expect(parseChunkTarget(`/chunk/${copy.sha256}?${query}`)?.copy).toBe(null)
})

test('a ticket stands at the end of a link and is for what stands before it', () => {
  const secret = 'a secret of this test'
  for (const target of [chunkTarget(copy, direct), `/chunk/${copy.sha256}`]) {
    const ticket = issueChunkTicket(secret, 'server', target, 1_000)
    const found = withoutTicket(withTicket(target, ticket))
    expect(found).toEqual({ target, ticket })
    const request = { method: 'GET', path: found.target, bodySha256: bodyDigest(''), server: 'server' }
    expect(findTicketProblem(found.ticket ?? '', secret, request, 1_000)).toBe(null)
  }
  expect(withoutTicket('/chunk/x?ticket=1&y=2')).toEqual({ target: '/chunk/x?ticket=1&y=2', ticket: null })
})
