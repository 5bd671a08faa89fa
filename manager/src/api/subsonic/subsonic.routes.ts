import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import { dropBody } from '@holdfast/shared/node/drop-body'
import Router from '@koa/router'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { type AnswerFormat, type Failure, PROTOCOL_VERSION, sendAnswer } from './answer.ts'
import { browseMethods } from './browse-methods.ts'
import type { CallDeps, Methods } from './call.ts'
import { type CallParameters, readCallParameters } from './call-parameters.ts'
import { type Credentials, requireCredentials } from './credentials.ts'
import { listMethods } from './list-methods.ts'
import { markMethods } from './mark-methods.ts'
import { mediaMethods } from './media-methods.ts'
import { playlistMethods } from './playlist-methods.ts'
import { failureCodes, ProtocolFailure } from './protocol-failure.ts'
import { describeExtensions, systemMethods } from './system-methods.ts'
import { networkOf, WrongCredentials } from './wrong-credentials.ts'

const methods: Methods = {
  ...systemMethods,
  ...browseMethods,
  ...listMethods,
  ...mediaMethods,
  ...markMethods,
  ...playlistMethods,
}

const PREFIX = '/rest/'
const saidByHttp: readonly ErrorName[] = [
  'PRECONDITION_FAILED',
  'RANGE_NOT_SATISFIABLE',
  'CANCELLED',
  'REQUEST_TIMEOUT',
]
/** A page of another site may send calls and see these: credentials stand in the call itself, so that the browser adds none. */
const forOtherSites = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Accept-Ranges, Content-Length, Content-Range, ETag, Retry-After, X-Request-Id',
} as const

export interface SubsonicDeps extends CallDeps {
  readonly credentials: Credentials
}

/** Songs that are added to a playlist by GET stand in the target: there is place for some 1,600 of them. */
export const SUBSONIC_HEADER_BYTES = 64 * 1024

export const isSubsonicPath = (path: string): boolean => path.startsWith(PREFIX)

/** Serves OpenSubsonic under `/rest`: each method with and without `.view`, by GET and by POST of a form. */
export function subsonicRoutes(deps: SubsonicDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  const wrongCredentials = new WrongCredentials()

  router.register(`${PREFIX}:name`, ['GET', 'POST'], async (ctx) => {
    ctx.set(forOtherSites)
    const name = String(ctx.params.name).replace(/\.view$/, '')
    const isOpen = name === 'getOpenSubsonicExtensions'
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (method === undefined && !isOpen) throw new StoreError('ROUTE_NOT_FOUND', `${PREFIX}${name}`.slice(0, 200))
    let format: AnswerFormat = 'xml'
    try {
      const parameters = await readCallParameters(ctx)
      format = parameters.one('f') === 'json' ? 'json' : 'xml'
      if (method === undefined) return sendAnswer(ctx, format, describeExtensions(deps.transcoder !== null))
      judgeCaller(ctx, parameters, { credentials: deps.credentials, wrongCredentials })
      const payload = await method({ ctx, parameters, deps, user: deps.credentials.user })
      if (payload !== null) sendAnswer(ctx, format, payload)
    } catch (error) {
      sendAnswer(ctx, format, {}, failureOf(error))
      dropBody(ctx.req, ctx.res)
    }
  })

  router.options(`${PREFIX}:name`, (ctx) => {
    ctx.set(forOtherSites)
    ctx.set({ 'Access-Control-Allow-Methods': 'GET, HEAD, POST', 'Access-Control-Allow-Headers': '*' })
    ctx.set('Access-Control-Max-Age', '86400')
    ctx.status = 204
  })
  return router
}

/** Credentials are judged first, which costs little, so that only wrong ones count. @throws ProtocolFailure, TOO_MANY_REQUESTS */
function judgeCaller(
  ctx: AppContext,
  parameters: CallParameters,
  { credentials, wrongCredentials }: { readonly credentials: Credentials; readonly wrongCredentials: WrongCredentials },
): void {
  const tell = (isRight: boolean): void => {
    if (!wrongCredentials.judges(networkOf(ctx.req), isRight))
      throw new StoreError('TOO_MANY_REQUESTS', 'wrong credentials were shown too often from this address')
  }
  try {
    requireCredentials(parameters, credentials)
  } catch (error) {
    if (error instanceof ProtocolFailure && error.code === failureCodes.wrongCredentials) tell(false)
    throw error
  }
  tell(true)
  requireVersion(parameters.required('v'))
  parameters.required('c')
}

/** Versions of the same first number understand each other. @throws ProtocolFailure 20 or 30 */
function requireVersion(version: string): void {
  const [major] = version.split('.', 1).map(Number)
  const [own] = PROTOCOL_VERSION.split('.', 1).map(Number)
  if (major === own) return
  throw (major ?? 0) > (own ?? 0)
    ? new ProtocolFailure('serverMustUpgrade', 'Incompatible Subsonic REST protocol version. Server must upgrade')
    : new ProtocolFailure('clientMustUpgrade', 'Incompatible Subsonic REST protocol version. Client must upgrade')
}

/** @returns what the protocol says of an error. @throws the error where HTTP has to say it */
function failureOf(thrown: unknown): Failure {
  if (thrown instanceof ProtocolFailure) return { code: thrown.code, message: thrown.message }
  const { name, message, detail } = toStoreError(thrown)
  // What is wrong with this server, or with a range or a precondition, is said as everywhere else.
  if (errorRow(name).status >= 500 || saidByHttp.includes(name)) throw thrown
  const kind = name === 'FILE_NOT_FOUND' ? 'notFound' : 'generic'
  return { code: failureCodes[kind], message: detail ?? message }
}
