import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { PeerError, reasonOf } from './peer-error.ts'

const MAX_BYTES = 64 * 1024
const port = z.int().min(0).max(65_534)

/** The file has the fields of the document, and no others. */
const file = z.strictObject({
  self: z.strictObject({
    service: z.string().min(1).max(1_000),
    host: z.union([z.ipv4(), z.ipv6(), z.literal('localhost')]),
    port,
  }),
  tracker: z.strictObject({
    host: z.string().min(1).max(500),
    port: z.int().min(1).max(65_535),
  }),
})

export interface PeerConfig {
  /** What the peer knows is kept there, and so is what it downloads unless a path says otherwise. */
  readonly directory: string
  /** It listens at this address. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** This is the origin of the tracker. */
  readonly tracker: string
}

/** @throws PeerError with everything that is wrong with the file */
export async function readConfig(path: string): Promise<PeerConfig> {
  const text = await readFile(path).catch((error: unknown) => {
    throw new PeerError(`${path} cannot be read: ${reasonOf(error)}`)
  })
  if (text.length > MAX_BYTES) throw new PeerError(`${path} is larger than a config file can be (64 KiB)`)
  let json: unknown
  try {
    json = JSON.parse(text.toString('utf8'))
  } catch (error) {
    throw new PeerError(`${path} is not JSON: ${reasonOf(error)}`)
  }
  return configOf(json, path)
}

/** @param path is what relative paths in it start from, as it is named */
export function configOf(json: unknown, path: string): PeerConfig {
  const parsed = file.safeParse(json)
  if (!parsed.success) throw new PeerError(`${path}: ${sentenceOf(parsed.error)}`)
  const { self, tracker } = parsed.data
  return {
    directory: resolve(dirname(path), self.service),
    host: self.host === 'localhost' ? '127.0.0.1' : self.host,
    port: self.port,
    tracker: originOf(`${tracker.host.replace(/\/$/, '')}:${tracker.port}`, path),
  }
}

/** Counts where no config file is given. */
export function defaultConfig(manager: string): PeerConfig {
  return {
    directory: join(process.cwd(), 'holdfast-peer'),
    host: '0.0.0.0',
    port: 6_881,
    tracker: originOf(manager, 'the tracker'),
  }
}

/** Nobody is at 0.0.0.0: whoever writes it means this machine. */
function originOf(address: string, where: string): string {
  const text = /^https?:\/\//.test(address) ? address : `http://${address}`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new PeerError(`${where}: ${address} is no address of a tracker, such as http://127.0.0.1`)
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url.origin
}

function sentenceOf(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const where = issue.path.join('.')
      if (issue.code === 'unrecognized_keys')
        return `${[where, issue.keys.join(', ')].filter(Boolean).join('.')} is not a field of a config file`
      return `${where === '' ? 'the config' : where}: ${issue.message}`
    })
    .join('; ')
}
