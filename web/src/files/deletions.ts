import { messageOf, RequestError, requestJson } from '../api/request.ts'
import type { Notices } from '../ui/toasts.tsx'
import type { FileListStore } from './file-list.ts'
import type { FileRow } from './file-row.ts'

const UNDO_MS = 6_000

/**
 * A delete can be undone because it has not happened: the row is hidden, and the store is told after some seconds, or when
 * the page is left. A browser that crashes meanwhile has deleted nothing.
 */
export function createDeletions(list: FileListStore, { showToast }: Notices) {
  const pending = new Map<string, { readonly row: FileRow; readonly timer: number; readonly dismiss: () => void }>()

  const pathOf = ({ id }: FileRow): string => `/files/${encodeURIComponent(id)}`

  async function carryOut(row: FileRow): Promise<void> {
    pending.delete(row.id)
    try {
      await requestJson(pathOf(row), { method: 'DELETE' })
      list.drop(row.id)
    } catch (error) {
      if (error instanceof RequestError && error.status === 404) list.drop(row.id)
      else showToast(`${row.name} was not deleted. ${messageOf(error)}`, { tone: 'bad' })
    }
    list.show(row.id)
  }

  function undo(id: string): void {
    const deletion = pending.get(id)
    if (deletion === undefined) return
    clearTimeout(deletion.timer)
    deletion.dismiss()
    pending.delete(id)
    list.show(id)
  }

  addEventListener('pagehide', () => {
    for (const { row, timer } of pending.values()) {
      clearTimeout(timer)
      fetch(pathOf(row), { method: 'DELETE', keepalive: true }).catch(() => undefined)
      if (row.isShare) list.drop(row.id)
    }
    pending.clear()
  })

  return {
    remove(row: FileRow): void {
      list.hide(row.id)
      const timer = window.setTimeout(() => carryOut(row), UNDO_MS)
      const dismiss = showToast(`Deleted ${row.name}`, {
        ms: UNDO_MS,
        action: { text: 'Undo', run: () => undo(row.id) },
      })
      pending.set(row.id, { row, timer, dismiss })
    },
    /** Takes back the last delete that can be. */
    undoLast(): void {
      const last = [...pending.keys()].at(-1)
      if (last !== undefined) undo(last)
    },
  }
}

export type Deletions = ReturnType<typeof createDeletions>
