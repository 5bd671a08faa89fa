import { createHash, timingSafeEqual } from 'node:crypto'
import type { CallParameters } from './call-parameters.ts'
import { ProtocolFailure } from './protocol-failure.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/**
 * Requires that a call shows that it knows user and password: by md5(password + salt), or by the password itself, in plain or
 * as `enc:` and hex digits.
 * @throws ProtocolFailure 10, 40, 42 or 43
 */
export function requireCredentials(parameters: CallParameters, { user, password }: Credentials): void {
  const [shownPassword, token, salt] = ['p', 't', 's'].map((name) => parameters.one(name))
  if (parameters.one('apiKey') !== undefined) {
    const isConflict = [parameters.one('u'), shownPassword, token].some((other) => other !== undefined)
    throw isConflict
      ? new ProtocolFailure('conflictingMechanisms', 'Multiple conflicting authentication mechanisms provided')
      : new ProtocolFailure('mechanismNotSupported', 'API keys are not supported')
  }
  const shownUser = parameters.required('u')
  if (shownPassword !== undefined && token !== undefined)
    throw new ProtocolFailure('conflictingMechanisms', 'Multiple conflicting authentication mechanisms provided')
  const isRightUser = isSame(shownUser, user)
  const isRightSecret =
    shownPassword === undefined
      ? isSame(
          parameters.required('t').toLowerCase(),
          createHash('md5')
            .update(password + (salt ?? parameters.required('s')))
            .digest('hex'),
        )
      : isSame(decodePassword(shownPassword), password)
  if (!isRightUser || !isRightSecret) throw new ProtocolFailure('wrongCredentials', 'Wrong username or password')
}

function decodePassword(shown: string): string {
  const [, hex] = /^enc:((?:[0-9a-f]{2})*)$/i.exec(shown) ?? []
  return hex === undefined ? shown : Buffer.from(hex, 'hex').toString()
}

/** Takes as long wherever the two differ, and however long they are. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(first, second)
}
