import type { StoreError } from '@holdfast/shared/errors/store-error'
import { managerCommands } from '@holdfast/shared/wire/commands'
import { parse } from '@holdfast/shared/wire/message'
import { afterEach, expect, vi } from 'vitest'
import { DataLink } from '../../src/storage/data-link.ts'
import type { RawSink } from '../../src/storage/data-reader.ts'
import { type DataPortScript, frameOf, newStreamId, type ScriptedDataPort, useDataPorts } from './scripted-data-port.ts'

/** What a file-server answers is parsed as the wire parses it. */
type Ask = () => Promise<Record<string, unknown>>

/** Links to data ports. What a test opens is closed after it. */
export function useDataLinks() {
  const openPort = useDataPorts()
  const links: DataLink[] = []
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    for (const link of links.splice(0)) link.close()
  })

  /** A link that asks this for the way to the port. */
  const linkTo = (ask: Ask, address = '127.0.0.1') => {
    const askForPort = vi.fn(async () => parse(managerCommands['open-data-port'].ack, await ask(), 'BAD_ANSWER'))
    const link = new DataLink({ address, askForPort, log: { info: () => undefined } })
    links.push(link)
    return { link, askForPort }
  }
  const openLink = async (script?: DataPortScript) => {
    const port = await openPort(script)
    const dialled = linkTo(async () => port.ack())
    await opens(dialled.link)
    return { port, ...dialled }
  }
  return { openPort, linkTo, openLink }
}

export const opens = (link: DataLink): Promise<void> => vi.waitFor(() => expect(link.isOpen()).toBe(true), 5_000)

/** Memory of so many bytes, zeros at first, and what was told to it. */
export class MemorySink implements RawSink {
  readonly streamId = newStreamId()
  readonly memory: Buffer
  readonly ends: string[] = []
  filledBytes = 0

  constructor(link: DataLink, sizeBytes: number) {
    this.memory = Buffer.alloc(sizeBytes)
    link.expect(this.streamId, this)
  }

  room(): Buffer {
    return this.memory.subarray(this.ends.length === 0 ? this.filledBytes : this.memory.length)
  }

  took(count: number): void {
    this.filledBytes += count
  }

  end(): void {
    this.ends.push('end')
  }

  fail(error: StoreError): void {
    this.ends.push(error.name)
  }
}

export const ended = (...sinks: MemorySink[]): Promise<void> =>
  vi.waitFor(() => expect(sinks.every(({ ends }) => ends.length > 0)).toBe(true), 5_000)

/** All that was sent before has been read when this resolves. */
export async function readToHere(port: ScriptedDataPort, link: DataLink): Promise<void> {
  const sink = new MemorySink(link, 5)
  await port.send(frameOf(sink.streamId, Buffer.from('after'), true))
  await ended(sink)
  expect([sink.memory.toString(), sink.ends]).toEqual(['after', ['end']])
}
