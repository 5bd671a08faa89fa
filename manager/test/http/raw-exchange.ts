import { connect } from 'node:net'

/**
 * Sends the bytes as they are, and `second` once some of the answer has come. @returns all that comes until the server ends
 * the connection, which the client never does
 */
export function rawExchange(port: number, bytes: string, second = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let received = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error(`the connection stays open: ${received}`)))
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (received === '' && second !== '') socket.write(second, 'latin1')
      received += text
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(received) : reject(error),
    )
    socket.on('close', () => resolve(received))
    socket.write(bytes, 'latin1')
  })
}
