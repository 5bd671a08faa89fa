import type { FileName } from '@holdfast/shared/file-name'
import type { FileId } from '@holdfast/shared/ids'
import { Types } from 'mongoose'
import { LIVE_LINK_NAME, LIVE_PATH, LIVE_PATH_DATE, LIVE_PATH_SIZE, visible } from './file.model.ts'

/** A list can be in the order of one of these. The name's is that of its bytes in UTF-8. */
export type ListOrder = 'name' | 'size' | 'date'

/** A page of a list ends with this file. */
export interface ListPlace {
  readonly name: FileName
  readonly id: FileId
  /** This is the size, or the date in milliseconds, where the list is in the order of it. */
  readonly value: number | null
}

export interface ListWish {
  readonly addressedBy: 'path' | 'link'
  readonly prefix: string
  /** The names have this in them, in whatever case. */
  readonly search?: string
  /** Files with a link are listed by name only. */
  readonly order?: ListOrder
  readonly isDescending?: boolean
  /** The list goes on after this file. */
  readonly after: ListPlace | null
  readonly limit: number
}

/** Left to itself, MongoDB may read all that comes after a place, and sort it. */
const indexes = { name: LIVE_PATH, size: LIVE_PATH_SIZE, date: LIVE_PATH_DATE } as const

/** @returns what is asked of MongoDB for a page of a list. An index has all of it but the page's own documents. */
export function listQuery({
  addressedBy,
  order = 'name',
  isDescending = false,
  after,
  ...names
}: Omit<ListWish, 'limit'>) {
  const place = after === null ? [] : isAfter(after, order, isDescending)
  // A path is unique, so an index that ends with it says all of the order.
  const keys = new Set([orderFields[order], 'name', ...(addressedBy === 'path' ? [] : ['_id'])])
  const direction = isDescending ? (-1 as const) : (1 as const)
  return {
    filter: { ...visible(), addressedBy, $and: [namesLike(names), ...hasValue(order), ...place] },
    hint: addressedBy === 'path' ? indexes[order] : LIVE_LINK_NAME,
    sort: Object.fromEntries([...keys].map((key) => [key, direction])),
  }
}

/** @returns what matches all files of such a list */
export function countFilter({ addressedBy, ...names }: Pick<ListWish, 'addressedBy' | 'prefix' | 'search'>): object {
  return { ...visible(), addressedBy, ...namesLike(names) }
}

const orderFields = { name: 'name', size: 'size', date: 'createdAt' } as const satisfies Record<ListOrder, string>

/** Bounds the names by their beginning, and by what they have in them, both of which an index can tell. */
function namesLike({ prefix, search = '' }: Pick<ListWish, 'prefix' | 'search'>): object {
  const bounds = { $gte: prefix, ...(prefix !== '' && { $lt: `${prefix}\u{10ffff}` }) }
  if (search === '') return { name: bounds }
  return { name: { ...bounds, $regex: search.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), $options: 'i' } }
}

/** Matches what a list has after a file: the first condition bounds the index, and the second tells equal values apart. */
function isAfter({ name, id, value }: ListPlace, order: ListOrder, isDescending: boolean): object[] {
  const [beyond, from] = isDescending ? ['$lt', '$lte'] : ['$gt', '$gte']
  const later = { $or: [{ name: { [beyond]: name } }, { name, _id: { [beyond]: new Types.ObjectId(id) } }] }
  if (order === 'name') return [{ name: { [from]: name } }, later]
  const field = orderFields[order]
  const bound = order === 'date' ? new Date(value ?? 0) : (value ?? 0)
  return [{ [field]: { [from]: bound } }, { $or: [{ [field]: { [beyond]: bound } }, { [field]: bound, ...later }] }]
}

/** Says nothing but that there is a value. Without it MongoDB would take the index for the order only, and read all documents. */
function hasValue(order: ListOrder): object[] {
  if (order === 'name') return []
  return [{ [orderFields[order]]: { $gte: order === 'date' ? new Date(0) : 0 } }]
}
