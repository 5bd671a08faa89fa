/** A process's table of settings is made of such rows. */
export interface Setting<T> {
  readonly env: string
  readonly parse: (text: string) => T
  /** Where it is absent the setting is required. */
  readonly default?: T
  readonly doc: string
  readonly isSecret?: boolean
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>
export type SettingsOf<Table extends SettingsTable> = { readonly [Key in keyof Table]: ReturnType<Table[Key]['parse']> }

/** Says everything that is wrong with the settings, one sentence a problem. */
export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Reads a whole table at once. An empty variable counts as not set. @throws SettingsError with every problem */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
): SettingsOf<Table> {
  const problems: string[] = []
  const entries = Object.entries(table).map(([key, setting]) => {
    const text = environment[setting.env]?.trim()
    if (text === undefined || text === '') {
      if (!('default' in setting)) problems.push(`${setting.env} is required: ${setting.doc}`)
      return [key, setting.default]
    }
    try {
      return [key, setting.parse(text)]
    } catch (error) {
      const shown = setting.isSecret ? '***' : JSON.stringify(withoutPassword(text))
      problems.push(`${setting.env}=${shown}: ${error instanceof Error ? error.message : String(error)}`)
      return [key, undefined]
    }
  })
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(Object.fromEntries(entries)) as SettingsOf<Table>
}

/** A user and a password may stand before the host of a URL. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/]*@/g, '//***@')
}
