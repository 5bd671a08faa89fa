import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { FileDescription } from '../api/answers.ts'
import { messageOf, requestJson } from '../api/request.ts'
import { Dialog } from '../ui/dialog.tsx'
import type { FileRow } from './file-row.ts'

interface RenameProps {
  readonly row: FileRow
  readonly onRenamed: (file: FileDescription) => void
  readonly onClose: () => void
}

export function RenameDialog({ row, onRenamed, onClose }: RenameProps) {
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [id, problemId] = [useId(), useId()]
  // The ending says what kind of file it is, and mostly stays.
  useEffect(() => {
    const dot = row.name.lastIndexOf('.')
    field.current?.focus()
    field.current?.setSelectionRange(row.name.lastIndexOf('/') + 1, dot > 0 ? dot : row.name.length)
  }, [])
  const rename = async (event: Event) => {
    event.preventDefault()
    const name = field.current?.value.trim() ?? ''
    if (name === row.name) return onClose()
    setBusy(true)
    setProblem(null)
    try {
      const body = JSON.stringify({ name })
      const headers = { 'Content-Type': 'application/json' }
      onRenamed(await requestJson<FileDescription>(`/files/${row.id}`, { method: 'PATCH', body, headers }))
      onClose()
    } catch (error) {
      setProblem(messageOf(error))
      setBusy(false)
      field.current?.focus()
    }
  }
  return (
    <Dialog title="Rename" class="narrow" onClose={onClose}>
      <form class="fields" onSubmit={rename}>
        <label for={id}>Name</label>
        <input
          id={id}
          ref={field}
          defaultValue={row.name}
          required
          maxLength={255}
          autocomplete="off"
          spellcheck={false}
          aria-invalid={problem !== null}
          aria-describedby={problemId}
        />
        <p id={problemId} class="problem" role="alert">
          {problem}
        </p>
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            Rename
          </button>
        </div>
      </form>
    </Dialog>
  )
}
