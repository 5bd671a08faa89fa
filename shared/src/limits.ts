/** A part is the span of a chunk that has its own tag, the unit of verification. It has so many bytes, the last one fewer. */
export const PART_BYTES = 4 * 1024 * 1024

/** One Socket.IO message carries so many bytes of a larger body. At 50 KB/s a frame takes 10 s, half the ping timeout. */
export const FRAME_BYTES = 512 * 1024

/** Bodies of up to so many bytes, as they travel, go inside the command itself. */
export const INLINE_MAX_BYTES = 256 * 1024

/** The largest legal Socket.IO message has so many bytes: a frame, and on top of it the part tags of the largest file. */
export const MAX_MESSAGE_BYTES = FRAME_BYTES + 128 * 1024

/** All streams of one socket together have at most so many unacknowledged bytes, on a fast link. */
export const MAX_UNACKED_BYTES = 8 * FRAME_BYTES

/** No setting may allow a larger file, in bytes: its part tags must fit into one message. */
export const LARGEST_FILE_BYTES = 32 * 1024 ** 3

/** One page of an inventory names at most so many copies. */
export const INVENTORY_PAGE = 1_000

/** A file name has at most so many bytes, in UTF-8 after decoding. */
export const MAX_FILE_NAME_BYTES = 255

/** The name of a zone has at most so many characters. */
export const MAX_ZONE_LENGTH = 100
