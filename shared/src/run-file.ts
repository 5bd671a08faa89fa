/**
 * A running `npm start` keeps this as `run.json` in its data directory, readable by its user only: other processes of that
 * user join it by that. An orderly end removes it, and `pid` tells a stale one.
 */
export interface RunFile {
  readonly pid: number
  readonly managerUrl: string
  readonly clusterSecret: string
  /** New data directories of file-servers belong here, each under the name `<n>`. */
  readonly fileServersDirectory: string
  readonly mongoUrl: string
}
