import { StoreError, toWireError } from '../errors/store-error.ts'
import type { CommandTable, Handlers } from './commands.ts'
import { decodeGroup, type GroupItem } from './group.ts'
import { pack, unpack } from './message.ts'
import { Outbox } from './outbox.ts'
import type { WireSocket } from './peer.ts'

export interface Answerer<T extends CommandTable> {
  readonly handlers: Handlers<T>
  /** May refuse a command by throwing, before it is parsed. */
  readonly admit?: (command: string) => void
  /** Is told of every refusal, with the argument as it came, and of a group that cannot be read. */
  readonly onRefused: (command: unknown, error: unknown, argument?: unknown) => void
}

/**
 * Answers what a `Peer` at the other end sends. Commands are carried out side by side, and each ends in an ack, also when its
 * handler throws. A message without an id is nobody's command.
 */
export function answerCommands<T extends CommandTable>(
  socket: WireSocket,
  table: T,
  { handlers, admit, onRefused }: Answerer<T>,
): void {
  const outbox = new Outbox(socket, 'acks')

  /** @param isGrouped whether the command came in a group: one with a long ack must not, for many such acks could share a message */
  const carryOut = async (command: unknown, rest: unknown, bytes: unknown, isGrouped: boolean): Promise<object> => {
    const row = typeof command === 'string' && Object.hasOwn(table, command) ? table[command] : undefined
    if (row === undefined || (row.isGrouped === true) !== isGrouped)
      throw new StoreError('INVALID_REQUEST', 'no such command')
    const name = command as keyof T & string
    admit?.(name)
    return handlers[name](unpack(row.argument, rest, bytes, 'INVALID_REQUEST') as never) as Promise<object>
  }

  const answer = (id: unknown, command: unknown, rest: unknown, bytes: unknown, isGrouped: boolean): void => {
    if (typeof id !== 'number') return
    const give = (item: GroupItem): void => (isGrouped ? outbox.add(item) : outbox.send([item]))
    carryOut(command, rest, bytes, isGrouped).then(
      (ack) => {
        const parcel = pack(ack)
        give({ head: [id, null, parcel.rest], bytes: parcel.bytes })
      },
      (error: unknown) => {
        onRefused(command, error, rest)
        give({ head: [id, toWireError(error)], bytes: null })
      },
    )
  }

  for (const [command, { isGrouped }] of Object.entries(table))
    if (isGrouped !== true)
      socket.on(command, (id: unknown, rest: unknown, bytes: unknown) => answer(id, command, rest, bytes, false))
  socket.on('commands', (group: unknown) => {
    try {
      for (const { head, bytes } of decodeGroup(group)) {
        const [id, command, rest] = Array.isArray(head) ? (head as unknown[]) : []
        answer(id, command, rest, bytes, true)
      }
    } catch (error) {
      onRefused('commands', error)
    }
  })
}
