import type { IncomingMessage, Server } from 'node:http'
import { afterAnswers, type DueAnswers } from './due-answers.ts'

/**
 * A server may ignore `Upgrade` (RFC 9110, section 7.8), which some clients and proxies send with every request. Node lets go
 * of the connection where anything listens for upgrades at all; so the request is read once more, without that header.
 * @param isOwn whether somebody else listens for this upgrade and serves it
 */
export function ignoreUpgrades(server: Server, isOwn: (request: IncomingMessage) => boolean, dueOn: DueAnswers): void {
  server.on('upgrade', (request, _connection, rest: Buffer) => {
    if (isOwn(request)) return
    const connection = request.socket
    // An error closes the connection, and there is nothing else to do about one.
    connection.on('error', ignore)
    afterAnswers(connection, dueOn, () => {
      if (connection.destroyed || !connection.writable) return
      connection.unshift(Buffer.concat([headWithoutUpgrade(request), rest]))
      server.emit('connection', connection)
      connection.off('error', ignore)
    })
  })
}

function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() !== 'upgrade') lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function ignore(): void {}
