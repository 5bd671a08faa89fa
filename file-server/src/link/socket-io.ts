import { createRequire } from 'node:module'

/**
 * The packages' CommonJS builds: Node 20 takes three times as long for the same as some fifty ES modules, and 0.14 s of the
 * 0.40 s of CPU that the start of a file-server costs were that. Both must be of one kind: the socket is of a class of the other's.
 */
const load = createRequire(import.meta.url)

export const { io } = load('socket.io-client') as typeof import('socket.io-client')
export const { NodeWebSocket } = load('engine.io-client') as typeof import('engine.io-client')
