const MAX_SENTENCES = 20

/** Says the same thing once, and not too many different ones. */
export function sayOnce(say: (sentence: string) => void): (sentence: string) => void {
  const said = new Set<string>()
  return (sentence) => {
    if (said.has(sentence) || said.size >= MAX_SENTENCES) return
    said.add(sentence)
    say(sentence)
  }
}
