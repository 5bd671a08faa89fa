import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ClusterId } from '@holdfast/shared/ids'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import type { ManagerCommands } from '@holdfast/shared/wire/commands'
import { parse } from '@holdfast/shared/wire/message'
import type { Peer } from '@holdfast/shared/wire/peer'
import { PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { type Heartbeat, type Hello, hello as helloShape } from '@holdfast/shared/wire/shapes'

export interface ManagerIdentity {
  /** Every start makes a new one, of 16 hex digits. */
  readonly managerId: string
  readonly clusterId: ClusterId
  readonly secret: string
}

/**
 * Reads what a dialling file-server says of itself. It is checked for its form, its protocol and its cluster, and proves
 * nothing. @throws WRONG_PROTOCOL, WRONG_CLUSTER, INVALID_REQUEST
 */
export function parseHello(auth: unknown, clusterId: ClusterId): Hello {
  const protocol = typeof auth === 'object' && auth !== null && 'protocol' in auth ? auth.protocol : undefined
  if (typeof protocol === 'number' && protocol !== PROTOCOL_VERSION) {
    throw new StoreError(
      'WRONG_PROTOCOL',
      `the file-server speaks version ${protocol}, this manager ${PROTOCOL_VERSION}`,
    )
  }
  const hello = parse(helloShape, auth, 'INVALID_REQUEST')
  if (hello.clusterId !== null && hello.clusterId !== clusterId) {
    throw new StoreError(
      'WRONG_CLUSTER',
      `the file-server's data directory belongs to cluster ${hello.clusterId}, this manager's database to ${clusterId}`,
    )
  }
  return hello
}

/**
 * Proves this manager to the file-server and has it prove itself. The manager speaks first, because a file-server must not
 * tell anything, nor join a cluster, before it knows whom it talks to. @throws NOT_AUTHENTICATED
 */
export async function authenticate(
  peer: Peer<ManagerCommands>,
  hello: Hello,
  identity: ManagerIdentity,
): Promise<Heartbeat> {
  const { managerId, clusterId, secret } = identity
  const managerNonce = randomBytes(16).toString('hex')
  const transcript: Transcript = {
    protocol: PROTOCOL_VERSION,
    serverId: hello.serverId,
    bootId: hello.bootId,
    serverNonce: hello.nonce,
    managerId,
    managerNonce,
    clusterId,
  }
  const proof = makeProof(secret, 'manager', transcript)
  const challenge = { protocol: PROTOCOL_VERSION, managerId, clusterId, nonce: managerNonce, proof }
  const answer = await peer.call('challenge', challenge)
  if (!isProof(answer.proof, secret, 'file-server', transcript))
    throw new StoreError('NOT_AUTHENTICATED', 'the file-server does not know this cluster secret')
  return answer.heartbeat
}
