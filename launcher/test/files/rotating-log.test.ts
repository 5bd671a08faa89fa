import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RotatingLog } from '@holdfast/launcher/files/rotating-log'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-log-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('a log file', () => {
  test('keeps itself and one older file within the bound, with the newest lines', () => {
    const file = join(directory, 'logs', 'x.log')
    const log = new RotatingLog(file, () => undefined, 100)
    for (let line = 0; line < 50; line++) log.append(`line ${line}`)
    log.close()
    expect(readdirSync(join(directory, 'logs')).sort()).toEqual(['x.log', 'x.log.1'])
    for (const name of [file, `${file}.1`]) expect(statSync(name).size).toBeLessThanOrEqual(100)
    expect(readFileSync(file, 'utf8')).toMatch(/line 49\n$/)
  })

  test('goes on where an earlier start ended', () => {
    const file = join(directory, 'x.log')
    for (const line of ['first', 'second']) {
      const log = new RotatingLog(file, () => undefined)
      log.append(line)
      log.close()
    }
    expect(readFileSync(file, 'utf8')).toBe('first\nsecond\n')
  })

  test('drops lines that cannot be written, and says so once', () => {
    const problems: string[] = []
    const log = new RotatingLog('/dev/full', (problem) => problems.push(problem))
    log.append('one')
    log.append('two')
    log.close()
    expect(problems).toEqual([expect.stringContaining('/dev/full cannot be written: ENOSPC')])
  })

  const append = (log: RotatingLog, from: number, to: number) => {
    for (let line = from; line < to; line++) log.append(`line ${line}`)
  }

  test('begins anew where somebody has removed it', () => {
    const problems: string[] = []
    const file = join(directory, 'x.log')
    const log = new RotatingLog(file, (problem) => problems.push(problem), 100)
    append(log, 0, 5)
    rmSync(file)
    append(log, 5, 50)
    log.close()
    expect(readFileSync(file, 'utf8')).toMatch(/line 49\n$/)
    expect(problems).toEqual([])
  })

  test('goes on in the file that is open while no other can be opened, and says so', () => {
    const problems: string[] = []
    const file = join(directory, 'logs', 'x.log')
    const log = new RotatingLog(file, (problem) => problems.push(problem), 100)
    append(log, 0, 5)
    // Its older file cannot take the place of a directory.
    mkdirSync(`${file}.1`)
    append(log, 5, 20)
    expect(readFileSync(file, 'utf8')).toMatch(/^line 0\n(.*\n)*line 19\n$/)
    expect(problems[0]).toContain('cannot be rotated: EISDIR')
    rmSync(join(directory, 'logs'), { recursive: true })
    append(log, 20, 40)
    mkdirSync(join(directory, 'logs'))
    append(log, 40, 60)
    log.close()
    expect(readFileSync(file, 'utf8')).toMatch(/line 59\n$/)
  })
})
