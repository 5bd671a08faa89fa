import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'
import { z } from 'zod'
import { errorBody } from './error-body.ts'

/** Each content type has its schema here. */
type Content = Readonly<Record<string, z.ZodType>>

/** Describes the answers of one status. */
interface Answer {
  readonly description: string
  readonly headers?: z.ZodObject
  readonly content?: Content
}

/** An operation is one method of one path. Its schemas are those that parse its requests and type its answers. */
export interface Operation {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** Parameters stand in braces. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  /** Tells whether it is an operator's route, which may need a ticket. */
  readonly isOperators?: boolean
  readonly parameters?: { readonly path?: z.ZodObject; readonly query?: z.ZodObject; readonly header?: z.ZodObject }
  readonly body?: { readonly description?: string; readonly content: Content }
  readonly answers: Readonly<Record<number, Answer>>
  readonly errors: readonly ErrorName[]
}

/** Every route may end with these. */
export const errorsAnywhere = ['FORBIDDEN', 'INTERNAL', 'DATABASE_UNAVAILABLE'] as const satisfies ErrorName[]

/** Every route that reads a body of JSON may end with these, too. */
export const bodyErrors = [
  'INVALID_REQUEST',
  'TOO_LARGE',
  'UNSUPPORTED_MEDIA',
  'REQUEST_TIMEOUT',
] as const satisfies ErrorName[]

export const count = z.int().min(0)
export const digest = z.string().regex(/^[0-9a-f]{64}$/)
export const dateTime = z.string().meta({ format: 'date-time' })
export const binary = z.string().meta({ format: 'binary' })
export const json = (schema: z.ZodType): Content => ({ 'application/json': schema })

/** Makes the OpenAPI document (3.1) of these operations. A schema with an id becomes a component of that name. */
export function openApiDocumentOf(operations: readonly Operation[]): object {
  const schemas: Record<string, object> = {}
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Holdfast', version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:8000' }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { ticket },
    },
  }
}

const ticket = {
  type: 'http',
  scheme: 'bearer',
  description: 'What `holdfast ticket METHOD PATH` prints; not needed on a manager that only its own machine reaches',
}

type Schemas = Record<string, object>

function describe(operation: Operation, schemas: Schemas): object {
  const { operationId, summary, isOperators = false, parameters = {}, body, answers, errors } = operation
  const described = Object.entries(parameters).flatMap(([place, fields]) => parametersOf(place, fields, schemas))
  return {
    operationId,
    summary,
    ...(isOperators && { security: [{}, { ticket: [] }] }),
    ...(described.length > 0 && { parameters: described }),
    ...(body !== undefined && {
      requestBody: {
        required: true,
        ...(body.description !== undefined && { description: body.description }),
        content: contentOf(body.content, schemas),
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, schemas)])),
      ...errorAnswers(errors, schemas),
    },
  }
}

function parametersOf(place: string, fields: z.ZodObject, schemas: Schemas): object[] {
  return fieldsOf(fields, schemas).map(({ name, isRequired, description, schema }) => ({
    name,
    in: place,
    ...(isRequired && { required: true }),
    ...(description !== undefined && { description }),
    schema,
  }))
}

function answerOf({ description, headers, content }: Answer, schemas: Schemas): object {
  const described = headers === undefined ? [] : fieldsOf(headers, schemas)
  return {
    description,
    ...(described.length > 0 && {
      headers: Object.fromEntries(
        described.map(({ name, description, schema }) => [
          name,
          { ...(description !== undefined && { description }), schema },
        ]),
      ),
    }),
    ...(content !== undefined && { content: contentOf(content, schemas) }),
  }
}

/** Groups the error answers of a route by status, for several share one and are told apart by their code. */
function errorAnswers(names: readonly ErrorName[], schemas: Schemas): Record<string, object> {
  const rows = names.map(errorRow)
  return Object.fromEntries(
    [...new Set(rows.map(({ status }) => status))].map((status) => {
      const sharing = rows.filter((row) => row.status === status)
      const isRetryable = status === 503 && sharing.some((row) => row.isRetryable)
      const answer: Answer = {
        description: sharing.map(({ code, message }) => `${code}: ${message}`).join('; '),
        ...(isRetryable && { headers: z.object({ 'Retry-After': z.int().describe('Seconds') }) }),
        content: json(errorBody),
      }
      return [String(status), answerOf(answer, schemas)]
    }),
  )
}

function contentOf(content: Content, schemas: Schemas): object {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [type, { schema: jsonSchemaOf(schema, schemas) }]),
  )
}

interface Field {
  readonly name: string
  readonly isRequired: boolean
  readonly description: string | undefined
  readonly schema: object
}

function fieldsOf(fields: z.ZodObject, schemas: Schemas): Field[] {
  const { properties, required = [] } = convert(fields, schemas)
  return Object.entries(properties).map(([name, { description, ...schema }]) => {
    return { name, isRequired: required.includes(name), description, schema }
  })
}

/** A schema with an id is referred to only from within another, so each is converted as a property. */
function jsonSchemaOf(schema: z.ZodType, schemas: Schemas): object {
  return convert(z.object({ it: schema }), schemas).properties.it ?? {}
}

interface ConvertedObject {
  readonly properties: Readonly<Record<string, { readonly description?: string }>>
  readonly required?: readonly string[]
}

/** Describes what may be sent (`io`), and moves the schemas with an id to where the document has them. */
function convert(schema: z.ZodObject, schemas: Schemas): ConvertedObject {
  const converted = z.toJSONSchema(schema, { io: 'input', override: ({ jsonSchema }) => dropUnsaid(jsonSchema) })
  const moved = JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/')
  const { $defs = {}, ...object } = JSON.parse(moved) as ConvertedObject & { $defs?: Record<string, { id?: string }> }
  for (const [name, { id: _, ...definition }] of Object.entries($defs)) schemas[name] = definition
  return object
}

/** zod bounds every integer by what a number can count, which says nothing of the interface. */
function dropUnsaid(jsonSchema: z.core.JSONSchema.BaseSchema): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}
