import { decodeBase64 } from '@holdfast/shared/node/base64-decoder'

/** Decodes a field of a JSON body, also without its padding and with white space around it. @throws INVALID_REQUEST */
export function decodeBase64Field(field: string): Buffer {
  const text = field.trim()
  let end = text.length
  while (text[end - 1] === '=') end--
  return decodeBase64(Buffer.from(text.slice(0, end).padEnd(Math.ceil(end / 4) * 4, '=')))
}
