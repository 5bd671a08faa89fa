import { type AddressInfo, isIP, type Server } from 'node:net'
import { StartError } from '@holdfast/shared/node/run-service'

export interface ListenOptions {
  readonly host: string
  readonly port: number
}

/** @returns whether one can listen on this address but not dial it */
export function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/**
 * @returns the server's URL under the name that was given, because others know it by that. @throws StartError where it cannot
 * listen there
 */
export async function listen(server: Server, { host, port }: ListenOptions): Promise<URL> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const isTaken = error.code === 'EADDRINUSE'
      const problem = isTaken ? `Port ${port} on ${host} is taken by another process.` : null
      reject(new StartError(problem ?? `HOST=${host}, PORT=${port}: cannot listen there (${error.message}).`))
    }
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve()
    })
  })
  const { address, port: actualPort, family } = server.address() as AddressInfo
  const numeric = family === 'IPv6' ? `[${address}]` : address
  return new URL(`http://${isIP(host) === 0 ? host : numeric}:${actualPort}`)
}
