import type { ChaosProxy } from './chaos-proxy.ts'
import { type WireMessage, WireMessages } from './chaos-proxy-messages.ts'

/** @returns what is sent to the file-server instead of a command, or nothing to send the command itself */
export type Tap = (command: WireMessage & { readonly event: string }) => readonly Buffer[] | undefined

/**
 * Shows every command of the manager to `tap` before the file-server has it. The handshake and the manager's own acks
 * pass unseen.
 */
export function tapCommands(proxy: ChaosProxy, tap: Tap): void {
  proxy.rewrite('toClient', () => {
    const messages = new WireMessages()
    return (bytes) =>
      messages.take(bytes).flatMap((message) => {
        const { event } = message
        if (event === null || ['challenge', 'welcome', 'acks'].includes(event)) return [message.bytes]
        return tap({ ...message, event }) ?? [message.bytes]
      })
  })
}

/** Keeps every command, as often as it came. */
export class CommandLog {
  readonly commands: { readonly event: string; readonly bytes: Buffer; readonly text: string }[] = []

  readonly tap: Tap = ({ event, bytes, text }) => {
    this.commands.push({ event, bytes: Buffer.from(bytes), text })
    return undefined
  }

  named(...events: string[]): readonly Buffer[] {
    return this.commands.filter(({ event }) => events.includes(event)).map(({ bytes }) => bytes)
  }
}
