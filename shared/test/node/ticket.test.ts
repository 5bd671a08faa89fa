import type { Digest } from '@holdfast/shared/ids'
import {
  bodyDigest,
  findTicketProblem,
  issueTicket,
  MANAGER_TICKET,
  readBearer,
  TICKET_SKEW_SECONDS,
  type TicketRequest,
} from '@holdfast/shared/node/ticket'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyText } from '../../../test/any-text.ts'

const secret = 'the secret of the cluster'
const request: TicketRequest = {
  method: 'POST',
  path: '/ping?x=1',
  bodySha256: bodyDigest('{"id":"0123456789abcdef"}'),
  server: MANAGER_TICKET,
}
const expiresAt = 1_800_000_000
const ticket = issueTicket(secret, request, expiresAt)

const requests: fc.Arbitrary<TicketRequest> = fc.record({
  method: anyText(),
  path: anyText(),
  bodySha256: anyText() as unknown as fc.Arbitrary<Digest>,
  server: anyText(),
})
const expiries = fc.integer({ min: 0, max: 999_999_999_999 })

test('a ticket is short, fits into a header, and is the same every time', () => {
  expect(ticket).toMatch(/^v1\.1800000000\.[\w-]{43}$/)
  expect(issueTicket(secret, { ...request }, expiresAt)).toBe(ticket)
})

test('every ticket is taken for its own request until it expires, however often', () => {
  fc.assert(
    fc.property(requests, expiries, fc.nat(2_000_000_000), (own, expiry, early) => {
      const made = issueTicket(secret, own, expiry)
      expect(findTicketProblem(made, secret, own, expiry - early)).toBe(null)
      expect(findTicketProblem(made, secret, own, expiry)).toBe(null)
    }),
  )
})

test('a ticket is taken for no request that differs, whatever moves from one field to another', () => {
  fc.assert(
    fc.property(requests, requests, expiries, (own, other, expiry) => {
      fc.pre(JSON.stringify(own) !== JSON.stringify(other))
      expect(findTicketProblem(issueTicket(secret, own, expiry), secret, other, 0)).toBe('other')
    }),
  )
  const moved = { ...request, method: 'POST/', path: 'ping?x=1' }
  expect(findTicketProblem(ticket, secret, moved, expiresAt)).toBe('other')
})

test.each<[keyof TicketRequest, string]>([
  ['method', 'GET'],
  ['method', 'post'],
  ['path', '/ping'],
  ['path', '/ping?x=2'],
  ['path', '/ping?x=1&'],
  ['path', '/%70ing?x=1'],
  ['bodySha256', bodyDigest('')],
  ['bodySha256', request.bodySha256.toUpperCase()],
  ['server', '0123456789abcdef'],
  ['server', ''],
])('a ticket is not taken for another %s, such as %s', (field, value) => {
  expect(findTicketProblem(ticket, secret, { ...request, [field]: value }, expiresAt)).toBe('other')
})

test('a ticket of which one character is changed, lost or added is not taken', () => {
  const index = fc.nat(ticket.length - 1)
  fc.assert(
    fc.property(index, anyText({ maxLength: 2 }), (at, by) => {
      fc.pre(by !== ticket[at])
      const changed = ticket.slice(0, at) + by + ticket.slice(at + 1)
      expect(findTicketProblem(changed, secret, request, expiresAt)).not.toBe(null)
    }),
  )
  for (let at = 0; at < ticket.length; at++) {
    for (const by of 'AQgwx-_0189.v') {
      if (by === ticket[at]) continue
      const changed = ticket.slice(0, at) + by + ticket.slice(at + 1)
      expect(findTicketProblem(changed, secret, request, expiresAt)).not.toBe(null)
    }
  }
})

test('a ticket does not live longer by a later expiry written into it', () => {
  expect(findTicketProblem(ticket.replace('.18', '.19'), secret, request, expiresAt)).toBe('other')
})

test('clocks may differ by five minutes, and not by more', () => {
  const at = (now: number) => findTicketProblem(ticket, secret, request, now)
  expect(TICKET_SKEW_SECONDS).toBe(300)
  expect(at(expiresAt + 300)).toBe(null)
  expect(at(expiresAt + 300.001)).toBe('expired')
})

test.each(['another secret of a cluster', `${secret} `, secret.toUpperCase()])('is not taken with %j', (other) => {
  expect(findTicketProblem(ticket, other, request, expiresAt)).toBe('other')
})

test.each([
  '',
  'v1',
  'v1..',
  `v2${ticket.slice(2)}`,
  ticket.toUpperCase(),
  ` ${ticket}`,
  `${ticket}\n`,
  `${ticket}=`,
  ticket.replace('v1.', 'v1.0'),
  ticket.replace('v1.', 'v1.-'),
  `v1.1e9.${'A'.repeat(43)}`,
  `v1.${'9'.repeat(400)}.${'A'.repeat(43)}`,
  'é'.repeat(100_000),
])('%j is no ticket', (text) => {
  expect(findTicketProblem(text, secret, request, expiresAt)).toBe('malformed')
})

test('a ticket shows neither the secret nor what it is for', () => {
  expect(ticket).not.toContain(Buffer.from(secret).toString('base64url').slice(0, 8))
  expect(issueTicket(secret, { ...request, path: '/x' }, expiresAt)).toHaveLength(ticket.length)
})

test.each<[string | undefined, string | null]>([
  [`Bearer ${ticket}`, ticket],
  [`bearer ${ticket}`, ticket],
  [`BEARER   ${ticket} `, ticket],
  [undefined, null],
  ['', null],
  ['Bearer', null],
  ['Bearer ', null],
  [ticket, null],
  [`Basic ${ticket}`, null],
  [`Bearer${ticket}`, null],
  [`Bearer ${ticket} ${ticket}`, null],
  [`Bearer ${ticket}, Basic x`, null],
])('the header %j carries %j', (header, carried) => {
  expect(readBearer(header)).toBe(carried)
})
