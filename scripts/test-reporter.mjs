import { writeFileSync } from 'node:fs'

/**
 * @typedef {object} FileReport what came of one test file
 * @property {string} path
 * @property {string} project the vitest project it belongs to
 * @property {number} passed
 * @property {number} skipped
 * @property {string[]} failed names of tests, or the file's own path where it could not be loaded
 *
 * @typedef {object} RunReport
 * @property {FileReport[]} files
 * @property {number} unhandledErrors errors that belong to no test
 */

/**
 * Writes a {@link RunReport} as JSON to the file that `HOLDFAST_TEST_REPORT` names.
 * @public vitest loads it by its path
 */
export default class TestReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const files = modules.map((module) => {
      const failed = [...module.children.allTests('failed')].map((test) => test.fullName)
      return {
        path: module.moduleId,
        project: module.project.name,
        passed: [...module.children.allTests('passed')].length,
        skipped: [...module.children.allTests('skipped')].length,
        failed: module.state() === 'failed' && failed.length === 0 ? [module.moduleId] : failed,
      }
    })
    const { HOLDFAST_TEST_REPORT: file } = process.env
    if (file === undefined) throw new Error('HOLDFAST_TEST_REPORT does not say where the report goes')
    writeFileSync(file, JSON.stringify({ files, unhandledErrors: unhandledErrors.length }))
  }
}
