import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Icon, type IconName } from './icons.tsx'
import { bottomOfView } from './view-bottom.ts'

/** A menu that would not fit below its button is shown above it. */
const MENU_PX = 340

export interface MenuItem {
  readonly text: string
  readonly icon: IconName
  readonly isBad?: boolean
  readonly run: () => void
}

interface MenuProps {
  readonly label: string
  readonly items: readonly MenuItem[]
  readonly tabIndex: number
}

/** Shows a button with a menu (https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/). */
export function RowMenu({ label, items, tabIndex }: MenuProps) {
  const [isOpen, setOpen] = useState(false)
  const [isAbove, setAbove] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const menu = useRef<HTMLDivElement>(null)
  const id = useId()

  useEffect(() => {
    if (!isOpen) return
    entries(menu.current)[0]?.focus()
    const close = (event: Event) => {
      if (!(event.target instanceof Node) || !menu.current?.contains(event.target)) setOpen(false)
    }
    addEventListener('pointerdown', close)
    return () => removeEventListener('pointerdown', close)
  }, [isOpen])

  const onKeyDown = (event: KeyboardEvent) => {
    const all = entries(menu.current)
    const at = all.indexOf(document.activeElement as HTMLElement)
    const to = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at + all.length - 1) % all.length,
      Home: 0,
      End: all.length - 1,
    }
    event.stopPropagation()
    if (event.key in to) {
      event.preventDefault()
      all[to[event.key as keyof typeof to]]?.focus()
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      setOpen(false)
      button.current?.focus()
    }
  }

  return (
    <div class="menu">
      <button
        ref={button}
        type="button"
        class="icon"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        tabIndex={tabIndex}
        onPointerDown={(event) => event.stopPropagation()}
        onClick={({ currentTarget }) => {
          setAbove(currentTarget.getBoundingClientRect().bottom + MENU_PX > bottomOfView())
          setOpen(!isOpen)
        }}
      >
        <Icon name="more" />
      </button>
      {isOpen && (
        <div
          id={id}
          ref={menu}
          class={`items ${isAbove ? 'above' : ''}`}
          role="menu"
          aria-label={label}
          tabIndex={-1}
          onKeyDown={onKeyDown}
        >
          {items.map(({ text, icon, isBad, run }) => (
            <button
              key={text}
              type="button"
              role="menuitem"
              class={isBad ? 'bad' : ''}
              tabIndex={-1}
              onClick={() => {
                setOpen(false)
                button.current?.focus()
                run()
              }}
            >
              <Icon name={icon} />
              {text}
            </button>
          ))}
        </div>
      )}
    </div>
  )
}

function entries(menu: HTMLElement | null): HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])]
}
