import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { parseJson } from '@holdfast/shared/parse-json'
import type { Command } from '../commands/command.ts'
import type { Ui } from '../commands/peer-deps.ts'
import { PeerError, reasonOf } from '../peer-error.ts'
import { CONTROL_FILE, controlFile, controlMessage } from './control-messages.ts'

/**
 * Has the peer that runs in a state directory carry out a command. @returns false where none does
 * @throws PeerError with the sentence of a failure
 */
export async function askRunningPeer(
  directory: string,
  wanted: Command,
  ui: Ui,
  signal: AbortSignal,
): Promise<boolean> {
  const text = await readFile(join(directory, CONTROL_FILE), 'utf8').catch(() => null)
  const found = text === null ? null : controlFile.safeParse(parseJson(text))
  if (!found?.success) return false
  const response = await fetch(`http://127.0.0.1:${found.data.port}/command`, {
    method: 'POST',
    headers: { authorization: `Bearer ${found.data.token}` },
    body: JSON.stringify(wanted),
    signal,
  }).catch(() => null)
  // One that was killed leaves its file, and another program may have its port.
  if (response?.status === 503) throw new PeerError('the running peer has too much to do at the moment')
  if (response === null || response.status !== 200 || response.body === null) {
    if (signal.aborted) throw new PeerError('interrupted')
    return false
  }
  await showAnswer(response.body as ReadableStream, ui).catch((error: unknown) => {
    throw signal.aborted ? new PeerError('interrupted') : error
  })
  return true
}

async function showAnswer(body: ReadableStream, ui: Ui): Promise<void> {
  try {
    for await (const line of createInterface({ input: Readable.fromWeb(body) })) {
      if (line === '') continue
      const message = controlMessage.parse(parseJson(line))
      if (message.kind === 'print') ui.print(message.line)
      else if (message.kind === 'say') ui.say(message.line)
      else if (message.kind === 'progress') ui.progress(message.title, message.progress)
      else if (message.failure !== null) throw new PeerError(message.failure)
      else return
    }
  } catch (error) {
    if (error instanceof PeerError) throw error
    throw new PeerError(`the running peer ended: ${reasonOf(error)}`)
  }
  throw new PeerError('the running peer ended')
}
