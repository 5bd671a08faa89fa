import { createRequire } from 'node:module'

/**
 * The packages' CommonJS builds: Node 20 takes three times as long for the same as some fifty ES modules, and 0.14 s of the
 * 0.48 s of CPU that a file-server needed to load its code were that. Both are loaded the same way, or there would
 * be two copies of engine.io-client.
 */
const load = createRequire(import.meta.url)

export const { io } = load('socket.io-client') as typeof import('socket.io-client')
export const { NodeWebSocket } = load('engine.io-client') as typeof import('engine.io-client')
