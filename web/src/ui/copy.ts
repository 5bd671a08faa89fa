import { announce, showToast } from './toasts.tsx'

export function absolute(url: string): string {
  return new URL(url, location.href).href
}

/** Pages that come by plain HTTP from another machine have no clipboard, but may copy what is selected. */
export async function copyLink(url: string): Promise<void> {
  const text = absolute(url)
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else copySelected(text)
    showToast('Link copied')
  } catch {
    announce('The link could not be copied')
    showToast(`Copy it yourself: ${text}`, { ms: 20_000 })
  }
}

function copySelected(text: string): void {
  const place = document.querySelector('dialog[open]') ?? document.body
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'hidden'
  place.append(field)
  const before = document.activeElement
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  if (before instanceof HTMLElement) before.focus()
  if (!isCopied) throw new Error('not copied')
}
