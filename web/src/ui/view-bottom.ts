/** @returns how far down the window shows the page: the player covers what is below */
export function bottomOfView(): number {
  return innerHeight - (document.querySelector('.player')?.clientHeight ?? 0)
}
