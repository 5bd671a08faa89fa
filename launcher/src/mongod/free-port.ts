import { createServer } from 'node:net'

/** @returns the wanted port if nobody listens on it, else a free one. */
export async function choosePort(host: string, wanted: number | null): Promise<number> {
  if (wanted !== null && (await tryPort(host, wanted)) !== null) return wanted
  const port = await tryPort(host, 0)
  if (port === null) throw new Error(`no free port on ${host}`)
  return port
}

/** @returns the port, after listening on it for a moment, or null where it is taken. */
export async function tryPort(host: string, port: number): Promise<number | null> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, resolve)
    })
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return null
    throw error
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}
