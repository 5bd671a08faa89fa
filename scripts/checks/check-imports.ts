import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { findImportProblems, type SourceFile } from './import-rules.ts'
import { listSourceFiles, root } from './source-files.ts'

function readSourceFile(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const { statements } = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  return {
    path,
    imports: ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName),
    isBarrel: statements.length > 0 && statements.every(isReExport),
  }
}

function isReExport(statement: ts.Statement): boolean {
  return ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined
}

const paths = listSourceFiles()
const problems = findImportProblems(paths.map(readSourceFile))
for (const problem of problems) console.error(problem)
console.log(`${paths.length} files, ${problems.length} imports that the table does not allow`)
process.exitCode = problems.length === 0 ? 0 : 1
