/** Reads what is bencoded, byte strings as Latin-1. @throws where it is anything else */
export function bdecode(bytes: Buffer): Decoded {
  const text = bytes.toString('latin1')
  const [value, end] = read(text, 0)
  if (end !== text.length) throw new Error(`bytes are left over at ${end}`)
  return value
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever it expects there.
type Decoded = any

function read(text: string, start: number): [Decoded, number] {
  switch (text[start]) {
    case 'i': {
      const end = text.indexOf('e', start)
      return [Number(text.slice(start + 1, end)), end + 1]
    }
    case 'l': {
      const list: Decoded[] = []
      let at = start + 1
      while (text[at] !== 'e') {
        const [item, end] = read(text, at)
        list.push(item)
        at = end
      }
      return [list, at + 1]
    }
    case 'd': {
      const dictionary: Record<string, Decoded> = {}
      let at = start + 1
      let before = ''
      while (text[at] !== 'e') {
        const [key, valueAt] = read(text, at)
        if (before !== '' && key <= before) throw new Error(`${key} stands after ${before}`)
        const [value, end] = read(text, valueAt)
        dictionary[key] = value
        before = key
        at = end
      }
      return [dictionary, at + 1]
    }
    default: {
      const colon = text.indexOf(':', start)
      const length = Number(text.slice(start, colon))
      if (colon < 0 || !Number.isInteger(length)) throw new Error(`no value at ${start}`)
      return [text.slice(colon + 1, colon + 1 + length), colon + 1 + length]
    }
  }
}
