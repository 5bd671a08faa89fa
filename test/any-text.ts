import fc from 'fast-check'

const anyCodePoint = fc.nat(0x10ffff).map((codePoint) => String.fromCodePoint(codePoint))

/** fast-check's own unit `binary` has all of Unicode too, but first fills a table of all of it, for seconds. */
export const anyText = (lengths: { maxLength?: number } = {}): fc.Arbitrary<string> =>
  fc.string({ ...lengths, unit: anyCodePoint })
