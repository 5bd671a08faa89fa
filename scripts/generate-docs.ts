import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileServerSettings } from '@holdfast/file-server/config'
import { launcherSettings } from '@holdfast/launcher/config'
import { managerSettings } from '@holdfast/manager/config'
import { openApiDocument } from '@holdfast/manager/openapi-document'
import { root } from './checks/source-files.ts'
import { renderErrors } from './render-errors.ts'
import { renderConfiguration, renderEnvExample } from './render-settings.ts'

const processes = [
  { process: 'manager', table: managerSettings },
  { process: 'file-server', table: fileServerSettings },
]

/** .env.example leaves these out, because they reach the other processes or are listed with them. */
const launcher = { process: 'npm start', table: launcherSettings }

const documents: Readonly<Record<string, string>> = {
  '.env.example': renderEnvExample(processes),
  'docs/configuration.md': renderConfiguration([...processes, launcher]),
  'docs/errors.md': renderErrors(),
  'docs/openapi.json': formatted('docs/openapi.json', JSON.stringify(openApiDocument, null, 2)),
}

/** Formats a document as `biome ci` wants it. */
function formatted(path: string, input: string): string {
  const biome = join(root, 'node_modules/.bin/biome')
  return execFileSync(biome, ['format', `--stdin-file-path=${path}`], { cwd: root, input, encoding: 'utf8' })
}

const isCheck = process.argv.includes('--check')
const stale = Object.entries(documents).filter(([path, text]) => {
  const file = join(root, path)
  return !existsSync(file) || readFileSync(file, 'utf8') !== text
})
if (!isCheck) {
  mkdirSync(join(root, 'docs'), { recursive: true })
  for (const [path, text] of stale) writeFileSync(join(root, path), text)
}
for (const [path] of stale) console.log(isCheck ? `${path} is not up to date: npm run fix` : `${path} written`)
console.log(`${Object.keys(documents).length} documents, ${stale.length} ${isCheck ? 'stale' : 'written'}`)
process.exitCode = isCheck && stale.length > 0 ? 1 : 0
