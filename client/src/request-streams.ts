/** Node streams a request over HTTP/1.1 too, which is what a manager speaks, and browsers do not. */
export function isBrowser(): boolean {
  // Types know of no place without it.
  const process = globalThis.process as Partial<typeof globalThis.process> | undefined
  return process?.versions?.node === undefined
}

/** A browser that cannot stream a request makes text of the stream, or does not look at `duplex`. */
export function canStreamRequests(): boolean {
  let isDuplexRead = false
  const { headers } = new Request('http://localhost', {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      isDuplexRead = true
      return 'half' as const
    },
  })
  return isDuplexRead && !headers.has('content-type')
}
