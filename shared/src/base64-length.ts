/** @returns how many bytes a whole base64 text of `length` characters decodes to when it ends in `paddingCount` times `=` */
export function decodedLength(length: number, paddingCount: number): number {
  return (length / 4) * 3 - paddingCount
}
