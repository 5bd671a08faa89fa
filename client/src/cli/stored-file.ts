import { hasErrorName } from '@holdfast/shared/errors/store-error'
import { isFileId } from '@holdfast/shared/ids'
import { parseLink } from '../link.ts'
import { StoreClient } from '../store-client.ts'
import type { Console } from './console.ts'

export interface Ways<Found> {
  readonly byName: (name: string) => Promise<Found>
  /** @param client is one of the manager that the id belongs to. @param id has 24 hex digits, or the 32 of a link. */
  readonly byId: (client: StoreClient, id: string) => Promise<Found>
}

/**
 * Finds what the user means by a name, an id or a link. What looks like an id is taken for a name only where no file has
 * that id: ids are given by the store, while anybody can give a file the name that is another's id.
 * @throws FILE_NOT_FOUND
 */
export async function findStored<Found>({ client }: Console, wanted: string, ways: Ways<Found>): Promise<Found> {
  const link = parseLink(wanted)
  if (link !== null && link.baseUrl !== null) return ways.byId(new StoreClient({ baseUrl: link.baseUrl }), link.id)
  if (link === null && !isFileId(wanted)) return ways.byName(wanted)
  try {
    return await ways.byId(client, wanted)
  } catch (missing) {
    if (!hasErrorName(missing, 'FILE_NOT_FOUND', 'ROUTE_NOT_FOUND')) throw missing
    return await ways.byName(wanted).catch((error: unknown) => {
      throw hasErrorName(error, 'FILE_NOT_FOUND') && hasErrorName(missing, 'FILE_NOT_FOUND') ? missing : error
    })
  }
}
