import { NodeWebSocket } from 'engine.io-client'

type Created = ReturnType<typeof NodeWebSocket.prototype.createSocket>

/**
 * Its frames carry the mask 0, which leaves the bytes as they are. Masks keep pages in a browser from choosing the
 * bytes that a proxy sees (RFC 6455 section 10.3), but here both ends are ours, and XOR over every byte, twice, cost a
 * third of a large download.
 */
export class UnmaskedWebSocket extends NodeWebSocket {
  override createSocket(uri: string, protocols: string | string[] | undefined, options: object): Created {
    return super.createSocket(uri, protocols, { ...options, generateMask: (mask: Buffer) => mask.fill(0) })
  }
}
