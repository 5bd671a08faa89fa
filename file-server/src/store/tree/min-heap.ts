/** Keeps numbers in a binary heap, the smallest first. */
export class MinHeap {
  readonly #items: number[] = []

  get top(): number | undefined {
    return this.#items[0]
  }

  push(value: number): void {
    let at = this.#items.push(value) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.#items[parent] as number
      if (above <= value) break
      this.#items[at] = above
      at = parent
    }
    this.#items[at] = value
  }

  pop(): number | undefined {
    const top = this.#items[0]
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return top
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const right = left + 1
      const leftItem = this.#items[left] ?? Number.POSITIVE_INFINITY
      const rightItem = this.#items[right] ?? Number.POSITIVE_INFINITY
      if (Math.min(leftItem, rightItem) >= last) break
      const smaller = leftItem <= rightItem ? left : right
      this.#items[at] = Math.min(leftItem, rightItem)
      at = smaller
    }
    this.#items[at] = last
    return top
  }
}
