/** Both sides must speak the same version; anything else is refused at the handshake. */
export const PROTOCOL_VERSION = 9

/** File-servers dial this Socket.IO namespace; every other one is refused. */
export const FILE_SERVER_NAMESPACE = '/file-server'

/** Either side waits so long for the other in the handshake. */
export const HANDSHAKE_TIMEOUT_MS = 5_000
export const PING_INTERVAL_MS = 10_000
/** A link of 50 KB/s is busy for 10 s with one frame, during which no pong gets through. */
export const PING_TIMEOUT_MS = 20_000
export const HEARTBEAT_INTERVAL_MS = 3_000
/** A file-server tells of a change within this time. */
export const HEARTBEAT_CHANGE_MS = 200

/**
 * An upload from which no frame came for this long is given up by the file-server. A frame waits for its 512 KiB to come
 * from a client, which may be as slow as the manager allows; a manager that is gone shows in the connection.
 */
export const UPLOAD_IDLE_TIMEOUT_MS = 5_400_000

/** A stream from which nothing came for this long is given up by its receiver. */
export const STREAM_IDLE_TIMEOUT_MS = 60_000
