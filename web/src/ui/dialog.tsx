import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from './icons.tsx'

interface DialogProps {
  readonly title: string
  readonly class?: string
  readonly onClose: () => void
  /** Stands beside the button that closes. */
  readonly tools?: ComponentChildren
  readonly children: ComponentChildren
}

/** Shows a modal dialog. The browser keeps the focus in it and closes it by Escape; what had the focus gets it back. */
export function Dialog({ title, class: name = '', onClose, tools, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true })
    }
  }, [])
  return (
    <dialog
      ref={element}
      class={name}
      aria-labelledby={titleId}
      onClose={onClose}
      onMouseDown={(event) => {
        if (event.target === element.current) element.current?.close()
      }}
    >
      <div class="sheet">
        <header>
          <h2 id={titleId} title={title}>
            {title}
          </h2>
          {tools}
          <button type="button" class="icon" aria-label="Close" onClick={() => element.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
