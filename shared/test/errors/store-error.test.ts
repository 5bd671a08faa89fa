import { errorRow, errorTable, isErrorName } from '@holdfast/shared/errors/error-table'
import { fromWireError, hasErrorName, StoreError, toStoreError, toWireError } from '@holdfast/shared/errors/store-error'
import { expect, test } from 'vitest'

const rows = Object.entries(errorTable).map(([name, row]) => ({ name, ...row }))

test('the four codes of the original keep their numbers and their exact messages', () => {
  expect(rows.slice(0, 4).map(({ code, message, status }) => [code, message, status])).toEqual([
    [1, 'Servers unavailable', 503],
    [2, 'File does not exist', 404],
    [3, 'File name already exists', 409],
    [4, 'File unavailable', 503],
  ])
})

test('no code is used twice, and every status is that of an error', () => {
  expect(new Set(rows.map((row) => row.code)).size).toBe(rows.length)
  for (const row of rows) expect(row.status >= 400 && row.status < 600).toBe(true)
})

test('errors of the wire are shown as one that clients know, with the same status, and only they are', () => {
  for (const { name, code, status } of rows) {
    const { shownAs } = errorRow(name as keyof typeof errorTable)
    expect(shownAs !== undefined, name).toBe(code >= 100)
    if (shownAs === undefined) continue
    if (!isErrorName(shownAs)) throw new Error(`${name} is shown as ${shownAs}, which is no error`)
    expect(errorRow(shownAs).code).toBeLessThan(100)
    expect(errorRow(shownAs).status, name).toBe(status)
  }
})

test('an error survives the wire with its name and detail, and without its cause', () => {
  const error = new StoreError('DISK_FULL', 'only 3 bytes left', { cause: new Error('secret path') })
  const wire = JSON.parse(JSON.stringify(toWireError(error))) as unknown
  expect(wire).toEqual({ name: 'DISK_FULL', detail: 'only 3 bytes left' })
  expect(fromWireError(wire)).toMatchObject({ name: 'DISK_FULL', detail: 'only 3 bytes left' })
  expect(fromWireError(wire).cause).toBeUndefined()
  expect(toWireError(new StoreError('CANCELLED'))).toEqual({ name: 'CANCELLED' })
})

test.each([
  [new Error('secret'), 'INTERNAL'],
  ['a string', 'INTERNAL'],
  [undefined, 'INTERNAL'],
  [new StoreError('FILE_EXISTS'), 'FILE_EXISTS'],
])('whatever is thrown becomes a StoreError: %s', (thrown, name) => {
  expect(toStoreError(thrown).name).toBe(name)
  expect(toWireError(thrown)).toEqual({ name })
})

test.each([
  [undefined],
  [null],
  ['FILE_EXISTS'],
  [7],
  [[]],
  [{}],
  [{ name: 'toString' }],
  [{ name: '__proto__' }],
  [{ name: ['FILE_EXISTS'] }],
  [{ name: 'NOT_AN_ERROR', detail: { $ne: 1 } }],
])('what is no error on the wire becomes INTERNAL: %j', (wire) => {
  expect(fromWireError(wire)).toMatchObject({ name: 'INTERNAL', detail: undefined })
})

test('a detail from the wire is bounded', () => {
  expect(fromWireError({ name: 'DISK_FULL', detail: 'x'.repeat(10_000) }).detail).toHaveLength(500)
})

test('tells errors apart by their names', () => {
  expect(hasErrorName(new StoreError('LINK_LOST'), 'CANCELLED', 'LINK_LOST')).toBe(true)
  expect(hasErrorName(new StoreError('LINK_LOST'), 'CANCELLED')).toBe(false)
  expect(hasErrorName(Object.assign(new Error(), { name: 'LINK_LOST' }), 'LINK_LOST')).toBe(false)
})
