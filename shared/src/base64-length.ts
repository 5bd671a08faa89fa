/** Decoded bytes of a whole base64 text of `length` characters that ends in `paddingCount` times `=`. */
export function decodedLength(length: number, paddingCount: number): number {
  return (length / 4) * 3 - paddingCount
}
