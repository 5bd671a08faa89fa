export interface PackageJson {
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Every dependency has one exact version, so that what was tested is what is installed. */
export function findVersionProblems(path: string, manifest: PackageJson): string[] {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version))
    .map(([name, version]) => `${path}: ${name} is ${JSON.stringify(version)}, not an exact version`)
}

/** Addresses in the lock file would tie an install to one registry. */
export function findLockProblems(lock: unknown): string[] {
  const packages = (lock as { packages?: Record<string, { resolved?: string }> }).packages ?? {}
  return Object.entries(packages)
    .filter(([, { resolved }]) => resolved !== undefined && /^(https?|git|ssh)[:+]/.test(resolved))
    .map(([name, { resolved }]) => `package-lock.json: ${name} is tied to ${resolved}`)
}
