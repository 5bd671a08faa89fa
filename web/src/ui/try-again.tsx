import { useEffect } from 'preact/hooks'
import { Icon } from './icons.tsx'

const TRY_AGAIN_MS = 4_000

interface TryAgainProps {
  /** It is another object after each attempt. */
  readonly failure: { readonly why: string }
  readonly onTry: () => void
}

/** Says why a list could not be read. It is read again by itself, sooner where the network comes back. */
export function TryAgain({ failure, onTry }: TryAgainProps) {
  useEffect(() => {
    const timer = setTimeout(onTry, TRY_AGAIN_MS)
    addEventListener('online', onTry)
    return () => {
      clearTimeout(timer)
      removeEventListener('online', onTry)
    }
  }, [failure])
  return (
    <p class="banner bad" role="alert">
      <Icon name="warning" />
      <span>{failure.why}. Trying again…</span>
      <button type="button" class="link" onClick={onTry}>
        Try now
      </button>
    </p>
  )
}
