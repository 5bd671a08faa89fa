/** A folder of more files than this is not read to its end. */
export const MOST_DROPPED = 10_000

/** Keeps a file with the folders that it was in, as far as the browser tells them. */
export interface FileInFolder {
  readonly file: File
  /** It is a path such as `Album/01 Intro.mp3`. */
  readonly path: string
}

export function withoutFolder(file: File): FileInFolder {
  return { file, path: file.name }
}

export interface Dropped {
  readonly files: readonly FileInFolder[]
  /** The browser could not read so many files and folders; what a folder has in it is not known then. */
  readonly unreadable: number
  /** Tells whether there are more files than were read. */
  readonly isCut: boolean
}

/** Reads what was dropped, with all that is in folders. It has to be called while the drop event is handled. */
export async function filesOf(data: Pick<DataTransfer, 'items' | 'files'>): Promise<Dropped> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null)
  if (!entries.some((entry) => entry?.isDirectory))
    return { files: [...data.files].map(withoutFolder), unreadable: 0, isCut: false }
  const files: FileInFolder[] = []
  let unreadable = 0
  for (const entry of entries) {
    if (entry === null) continue
    for await (const found of filesIn(entry)) {
      if (found === null) unreadable++
      else if (files.length === MOST_DROPPED) return { files, unreadable, isCut: true }
      else files.push(found)
    }
  }
  return { files, unreadable, isCut: false }
}

/** @returns null for each entry that cannot be read */
async function* filesIn(entry: FileSystemEntry): AsyncGenerator<FileInFolder | null> {
  if (entry.isFile) {
    yield await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)).then(
      (file) => ({ file, path: entry.fullPath.replace(/^\/+/, '') }),
      () => null,
    )
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A reader gives some hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch(
      () => null,
    )
    if (some === null) yield null
    if (some === null || some.length === 0) return
    for (const one of some) yield* filesIn(one)
  }
}
