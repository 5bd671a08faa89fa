import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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
})
