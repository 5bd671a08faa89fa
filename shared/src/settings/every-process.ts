import { flag, logLevel, text } from './parsers.ts'

/** These rows stand in the tables of several processes. */

export const hostSetting = {
  env: 'HOST',
  parse: text,
  default: '127.0.0.1',
  doc: 'Address to listen on; anything but loopback needs ALLOW_ANONYMOUS=true',
} as const

export const allowAnonymousSetting = {
  env: 'ALLOW_ANONYMOUS',
  parse: flag,
  default: false,
  doc: 'Serve beyond loopback although whoever reaches the port can read, write and delete every file',
} as const

export const logLevelSetting = {
  env: 'LOG_LEVEL',
  parse: logLevel,
  default: 'info',
  doc: 'fatal, error, warn, info, debug, trace or silent',
} as const
