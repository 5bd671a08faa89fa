/**
 * `run.json` in the data directory of a running `npm start`, readable by its user only: how other processes of that
 * user join it. Removed at an orderly end; `pid` tells a stale one.
 */
export interface RunFile {
  readonly pid: number
  readonly managerUrl: string
  readonly clusterSecret: string
  /** Where new data directories of file-servers belong: `<n>` is the name of each. */
  readonly fileServersDirectory: string
  readonly mongoUrl: string
}
