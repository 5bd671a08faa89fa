/** The protocol has these codes, among others: https://opensubsonic.netlify.app/docs/responses/error/ */
export const failureCodes = {
  generic: 0,
  missingParameter: 10,
  clientMustUpgrade: 20,
  serverMustUpgrade: 30,
  wrongCredentials: 40,
  mechanismNotSupported: 42,
  conflictingMechanisms: 43,
  notAuthorized: 50,
  notFound: 70,
} as const

/** The protocol says no to a call, which it does in an answer of status 200. */
export class ProtocolFailure extends Error {
  readonly code: number

  constructor(kind: keyof typeof failureCodes, message: string) {
    super(message)
    this.code = failureCodes[kind]
  }
}
