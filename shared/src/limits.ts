/** A part: the span of a file that has its own tag; the unit of verification. Bytes. */
export const PART_BYTES = 4 * 1024 * 1024

/** A frame: what one Socket.IO message carries of a larger body. Bytes. At 50 KB/s one takes 10 s, half the ping timeout. */
export const FRAME_BYTES = 512 * 1024

/** Bodies up to this size, as they travel, go inside the command itself. Bytes. */
export const INLINE_MAX_BYTES = 256 * 1024

/** The largest legal Socket.IO message, with room for the part tags of the largest file. Bytes. */
export const MAX_MESSAGE_BYTES = FRAME_BYTES + 128 * 1024

/** The most unacknowledged bytes on one socket, shared by all its streams, on a fast link. */
export const MAX_UNACKED_BYTES = 8 * FRAME_BYTES

/** A bound that no setting may exceed: its part tags must fit into one message. Bytes. */
export const LARGEST_FILE_BYTES = 32 * 1024 ** 3

/** How many copies one page of an inventory names. */
export const INVENTORY_PAGE = 1_000

/** Bytes of a file name, in UTF-8 after decoding. */
export const MAX_FILE_NAME_BYTES = 255
