import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ClusterId, ServerId } from '@holdfast/shared/ids'
import { isProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import { PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Challenge } from '@holdfast/shared/wire/shapes'

/** This file-server knows these facts, and told some of them when it dialled. */
export interface HandshakeFacts {
  readonly serverId: ServerId
  readonly bootId: string
  readonly nonce: string
  readonly clusterId: ClusterId | null
  readonly secret: string
}

/**
 * Judges a manager by its challenge. @returns what both sides have seen, for this side's own proof
 * @throws WRONG_PROTOCOL, NOT_AUTHENTICATED, WRONG_CLUSTER, each in words for the person who reads the log
 */
export function judgeChallenge(challenge: Challenge, facts: HandshakeFacts): Transcript & { clusterId: ClusterId } {
  const { serverId, bootId, nonce, clusterId, secret } = facts
  if (challenge.protocol !== PROTOCOL_VERSION) {
    throw new StoreError(
      'WRONG_PROTOCOL',
      `the manager speaks version ${challenge.protocol}, this file-server ${PROTOCOL_VERSION}`,
    )
  }
  const transcript = {
    protocol: PROTOCOL_VERSION,
    serverId,
    bootId,
    serverNonce: nonce,
    managerId: challenge.managerId,
    managerNonce: challenge.nonce,
    clusterId: challenge.clusterId,
  }
  if (!isProof(challenge.proof, secret, 'manager', transcript))
    throw new StoreError('NOT_AUTHENTICATED', 'the manager does not know this cluster secret')
  if (clusterId !== null && clusterId !== challenge.clusterId) {
    throw new StoreError(
      'WRONG_CLUSTER',
      `this data directory belongs to cluster ${clusterId}, the manager's database to ${challenge.clusterId}`,
    )
  }
  return transcript
}
