import { signal } from '@preact/signals'
import { Icon } from './icons.tsx'

const SHOWN_MS = 6_000

interface Toast {
  readonly id: number
  readonly text: string
  readonly tone: 'plain' | 'bad'
  readonly action?: { readonly text: string; readonly run: () => void } | undefined
}

const toasts = signal<readonly Toast[]>([])
const announcement = signal('')
let lastId = 0

/** @returns what takes it away */
export function showToast(
  text: string,
  options: Partial<Pick<Toast, 'tone' | 'action'>> & { ms?: number } = {},
): () => void {
  const id = ++lastId
  const { tone = 'plain', action, ms = SHOWN_MS } = options
  toasts.value = [...toasts.value.slice(-3), { id, text, tone, action }]
  const dismiss = () => {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }
  setTimeout(dismiss, ms)
  return dismiss
}

/** Tells those who do not see the page. */
export function announce(text: string): void {
  // The same text twice would not be read again.
  announcement.value = announcement.value === text ? `${text}\u00a0` : text
}

export function Toasts() {
  return (
    <>
      <div class="toasts" role="status" aria-live="polite" aria-label="Notices">
        {toasts.value.map(({ id, text, tone, action }) => (
          <div key={id} class={`toast ${tone}`}>
            <span>{text}</span>
            {action && (
              <button
                type="button"
                class="link"
                onClick={() => {
                  toasts.value = toasts.value.filter((toast) => toast.id !== id)
                  action.run()
                }}
              >
                {action.text}
              </button>
            )}
            <button
              type="button"
              class="icon"
              aria-label="Dismiss"
              onClick={() => {
                toasts.value = toasts.value.filter((toast) => toast.id !== id)
              }}
            >
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
      <div class="hidden" aria-live="polite">
        {announcement.value}
      </div>
    </>
  )
}
