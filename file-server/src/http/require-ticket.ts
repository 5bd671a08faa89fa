import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type CopyId, type Digest, makePostedCopyId, POSTED_RANDOM_DIGITS, type ServerId } from '@holdfast/shared/ids'
import { withoutTicket } from '@holdfast/shared/node/chunk-url'
import {
  bodyDigest,
  findFormProblem,
  findTicketProblem,
  readBearer,
  type TicketProblem,
} from '@holdfast/shared/node/ticket'

const hint = '"holdfast ticket METHOD PATH --server ID" prints one'

const problems: Readonly<Record<TicketProblem, string>> = {
  malformed: `this is no ticket: ${hint}`,
  other:
    'the ticket is for another request (method, path with query, body) or file-server, or was made with another secret',
  expired: 'the ticket has expired',
}

/** A ticket stands in the header, or at the end of the query of a link that somebody follows. */
export class TicketedRequest {
  readonly #method: string
  readonly #target: string
  readonly #ticket: string
  readonly #secret: string
  readonly #server: ServerId

  /** @throws UNAUTHORIZED where there is no ticket, or one that is none or has expired whatever it is for */
  constructor(request: IncomingMessage, secret: string, server: ServerId) {
    const { method = '', url = '', headers } = request
    const { target, ticket } = withoutTicket(url)
    const found = readBearer(headers.authorization) ?? ticket
    if (found === null) throw new StoreError('UNAUTHORIZED', `a request for chunks needs a ticket: ${hint}`)
    const problem = findFormProblem(found, Date.now() / 1000)
    if (problem !== null) throw new StoreError('UNAUTHORIZED', problems[problem])
    this.#method = method
    this.#target = target
    this.#ticket = found
    this.#secret = secret
    this.#server = server
  }

  /** Names the copy that a POST with this very ticket stores. */
  get copyId(): CopyId {
    return makePostedCopyId(bodyDigest(this.#ticket).slice(0, POSTED_RANDOM_DIGITS))
  }

  /** @throws UNAUTHORIZED where the ticket is not for a request with such a body */
  require(bodySha256: Digest = bodyDigest('')): void {
    const request = { method: this.#method, path: this.#target, bodySha256, server: this.#server }
    const problem = findTicketProblem(this.#ticket, this.#secret, request, Date.now() / 1000)
    if (problem !== null) throw new StoreError('UNAUTHORIZED', problems[problem])
  }
}
