import { constants } from 'node:fs'

/** Opens a copy to be read. A link under its name is not followed, and a FIFO cannot block a thread for ever. */
export const READ_COPY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
