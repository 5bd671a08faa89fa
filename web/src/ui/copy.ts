import { useNotices } from './toasts.tsx'

export function absolute(url: string): string {
  return new URL(url, location.href).href
}

/** Has the browser download a file. */
export function save(url: string, name: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
}

/** Copies for the user, and says so. */
export function useCopy() {
  const { announce, showToast } = useNotices()
  const copyText = async (text: string, done: string): Promise<void> => {
    try {
      // Pages that come by plain HTTP from another machine have no clipboard, but may copy what is selected.
      if (navigator.clipboard) await navigator.clipboard.writeText(text)
      else copySelected(text)
      showToast(done)
    } catch {
      announce('This could not be copied')
      // Many lines would cover the page.
      if (text.includes('\n')) showToast('This browser does not let a page copy here', { tone: 'bad' })
      else showToast(`Copy it yourself: ${text}`, { ms: 20_000 })
    }
  }
  return { copyText, copyLink: (url: string) => copyText(absolute(url), 'Link copied') }
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
