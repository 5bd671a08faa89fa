import type { IncomingMessage } from 'node:http'

/** Node reads the header with this very pattern. */
const expectation = /(?:^|\W)100-continue(?:$|\W)/i

/** @returns whether the client may wait until whoever reads the body calls `response.writeContinue()`; Node leaves that to us */
export function expectsContinue({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && expectation.test(headers.expect ?? '')
}
