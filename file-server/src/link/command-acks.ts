import { toStoreError, toWireError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Socket } from 'socket.io-client'

/** Answers the commands of one connection. */
export class CommandAcks {
  readonly #socket: Socket
  readonly #log: Logger

  constructor(socket: Socket, log: Logger) {
    this.#socket = socket
    this.#log = log
  }

  /** Every handler ends in an ack, also when it throws. A message without an ack is nobody's command. */
  answer(event: string, handle: (...args: unknown[]) => Promise<object>): void {
    this.#socket.on(event, (...args: unknown[]) => {
      const ack = args.pop()
      if (typeof ack !== 'function') return
      handle(...args).then(
        (result) => ack({ ok: true, ...result }),
        (error: unknown) => {
          this.noteRefusal(event, error)
          ack({ ok: false, error: toWireError(error) })
        },
      )
    })
  }

  noteRefusal(event: unknown, error: unknown): void {
    const known = toStoreError(error)
    if (known.name === 'INTERNAL') this.#log.error({ event, err: error }, 'command failed')
    else this.#log.debug({ event, error: known.name, detail: known.detail }, 'command refused')
  }
}
