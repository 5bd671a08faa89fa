import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icons.tsx'

const SEARCH_AFTER_MS = 200

interface SearchFieldProps {
  readonly label: string
  readonly search: string
  readonly onSearch: (search: string) => void
}

/** Searches while it is written. */
export function SearchField({ label, search, onSearch }: SearchFieldProps) {
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef(0)
  useEffect(() => {
    if (field.current !== null && search === '') field.current.value = ''
  }, [search])
  return (
    <search class="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        placeholder="Search"
        aria-label={label}
        defaultValue={search}
        // The store takes no longer one.
        maxLength={200}
        onInput={({ currentTarget }) => {
          clearTimeout(timer.current)
          const text = currentTarget.value.trim()
          timer.current = window.setTimeout(() => onSearch(text), SEARCH_AFTER_MS)
        }}
      />
    </search>
  )
}
