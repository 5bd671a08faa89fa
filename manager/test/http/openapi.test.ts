import { errorTable } from '@holdfast/shared/errors/error-table'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { json, type Operation, openApiDocumentOf } from '../../src/http/openapi.ts'
import { openApiDocument } from '../../src/openapi-document.ts'

const item = z.object({ id: z.int().min(1), tags: z.array(z.string()).optional() }).meta({ id: 'Item' })
const list = z.object({ items: z.array(item), next: z.string().nullable() }).meta({ id: 'List' })
const limit = z.string().regex(/^\d+$/).transform(Number).describe('How many').optional()

const operation: Operation = {
  method: 'get',
  path: '/items/{kind}',
  operationId: 'listItems',
  summary: 'Some items',
  parameters: { path: z.object({ kind: z.enum(['a', 'b']) }), query: z.object({ limit }) },
  answers: {
    200: { description: 'Items', headers: z.object({ ETag: z.string().describe('Tag') }), content: json(list) },
  },
  errors: ['FILE_NOT_FOUND', 'FILE_UNAVAILABLE', 'SERVERS_UNAVAILABLE'],
}

interface Document {
  readonly paths: Record<string, Record<string, Record<string, unknown>>>
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> }
}

const document = openApiDocumentOf([
  operation,
  { ...operation, method: 'post', operationId: 'addItem', parameters: {}, body: { content: json(item) } },
]) as Document

test('describes parameters and answers by the schemas that parse them', () => {
  expect(document.paths['/items/{kind}']?.get).toMatchObject({
    operationId: 'listItems',
    parameters: [
      { name: 'kind', in: 'path', required: true, schema: { type: 'string', enum: ['a', 'b'] } },
      { name: 'limit', in: 'query', description: 'How many', schema: { type: 'string', pattern: '^\\d+$' } },
    ],
    responses: {
      200: {
        description: 'Items',
        headers: { ETag: { description: 'Tag', schema: { type: 'string' } } },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/List' } } },
      },
      404: { description: '2: File does not exist' },
      503: {
        description: '4: File unavailable; 1: Servers unavailable',
        headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  })
})

test('holds several methods of a path, and each schema with an id once', () => {
  expect(document.paths['/items/{kind}']?.post).toMatchObject({
    requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Item' } } } },
  })
  expect(document.components.schemas).toMatchObject({
    Item: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'integer', minimum: 1 }, tags: { type: 'array', items: { type: 'string' } } },
    },
    List: {
      required: ['items', 'next'],
      properties: { items: { type: 'array', items: { $ref: '#/components/schemas/Item' } } },
    },
  })
  expect(Object.keys(document.components.schemas)).toEqual(['Error', 'Item', 'List'])
})

test('every reference of the whole document leads somewhere, and every operation has an id of its own', () => {
  const { paths, components } = openApiDocument as Document
  const references = [...JSON.stringify(openApiDocument).matchAll(/"\$ref":"([^"]*)"/g)].map(
    ([, reference]) => reference,
  )
  const known = Object.keys(components.schemas).map((name) => `#/components/schemas/${name}`)
  expect(references.filter((reference) => !known.includes(reference ?? ''))).toEqual([])
  expect(new Set(references).size).toBe(known.length)
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
  expect(new Set(ids).size).toBe(ids.length)
})

test('the error schema has every code that is shown, and none that travels within', () => {
  const { properties } = (openApiDocument as Document).components.schemas.Error as { properties: { code: object } }
  const codes = Object.values(errorTable)
    .filter((row) => !('shownAs' in row))
    .map(({ code }) => code)
  expect(properties.code).toEqual({ type: 'integer', enum: codes })
})
