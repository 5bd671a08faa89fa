import { signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { Icon } from './icons.tsx'

const SHOWN_MS = 6_000

interface Toast {
  readonly id: number
  readonly text: string
  readonly tone: 'plain' | 'bad'
  readonly action?: { readonly text: string; readonly run: () => void } | undefined
}

type ToastOptions = Partial<Pick<Toast, 'tone' | 'action'>> & { readonly ms?: number }

/** Makes what a page tells its user by the way. */
export function createNotices() {
  const toasts = signal<readonly Toast[]>([])
  const announcement = signal('')
  let lastId = 0

  const dismiss = (id: number): void => {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  return {
    toasts: toasts as { readonly value: readonly Toast[] },
    announcement: announcement as { readonly value: string },
    dismiss,
    /** @returns what takes it away */
    showToast(text: string, { tone = 'plain', action, ms = SHOWN_MS }: ToastOptions = {}): () => void {
      const id = ++lastId
      toasts.value = [...toasts.value.slice(-3), { id, text, tone, action }]
      setTimeout(dismiss, ms, id)
      return () => dismiss(id)
    },
    /** Tells those who do not see the page. */
    announce(text: string): void {
      // The same text twice would not be read again.
      announcement.value = announcement.value === text ? `${text}\u00a0` : text
    },
  }
}

export type Notices = ReturnType<typeof createNotices>

const NoticesContext = createContext<Notices | null>(null)
export const NoticesProvider = NoticesContext.Provider

export function useNotices(): Notices {
  const notices = useContext(NoticesContext)
  if (notices === null) throw new Error('there is no NoticesProvider around this')
  return notices
}

export function Toasts() {
  const { toasts, announcement, dismiss } = useNotices()
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
                  dismiss(id)
                  action.run()
                }}
              >
                {action.text}
              </button>
            )}
            <button type="button" class="icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
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
