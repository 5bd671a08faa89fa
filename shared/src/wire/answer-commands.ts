import { toStoreError, toWireError } from '../errors/store-error.ts'
import { decodeGroup } from './group.ts'
import type { GroupSocket } from './grouped-calls.ts'
import { Outbox } from './outbox.ts'

/** What a command comes to: what its ack says, and bytes where it has some. */
export interface GroupedAnswer {
  readonly result: object
  readonly bytes: Uint8Array | null
}

export interface GroupAnswerer {
  /** Carries out one command; rejects where it is refused. */
  readonly handle: (command: unknown, argument: unknown, bytes: Uint8Array | null) => Promise<GroupedAnswer>
  /** Told of every refusal, a group that cannot be read included. */
  readonly onRefused: (command: unknown, error: unknown) => void
}

/** The other end of `GroupedCalls`: commands are carried out side by side, acks go out as they become ready, together. */
export function answerGroups(socket: GroupSocket, { handle, onRefused }: GroupAnswerer): void {
  const acks = new Outbox((group) => {
    if (socket.connected) socket.emit('acks', group)
  })
  const refuse = (id: unknown, command: unknown, thrown: unknown): void => {
    onRefused(command, thrown)
    acks.add({ head: [id, toWireError(toStoreError(thrown))], bytes: null })
  }
  socket.on('commands', (group: unknown) => {
    try {
      for (const { head, bytes } of decodeGroup(group)) {
        const [id, command, argument] = Array.isArray(head) ? (head as unknown[]) : []
        handle(command, argument, bytes).then(
          (answer) => acks.add({ head: [id, null, answer.result], bytes: answer.bytes }),
          (error: unknown) => refuse(id, command, error),
        )
      }
    } catch (error) {
      onRefused('commands', error)
    }
  })
}
