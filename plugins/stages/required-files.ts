import { stat } from 'node:fs/promises'
import { SealError } from '../../rpc-schema/seal-error.js'
import { errorCode, fileError } from './file-error.js'

export interface RequiredFile {
  /** What it is, for the message: `sealed file`. */
  readonly what: string
  readonly path: string
  readonly kind?: 'file' | 'directory'
}

/** The proofs library often drops the path from its errors, so what it will read is looked for before. */
export async function requireFiles(files: readonly RequiredFile[]): Promise<void> {
  for (const { what, path, kind = 'file' } of files) {
    let found: 'file' | 'directory'
    try {
      found = (await stat(path)).isDirectory() ? 'directory' : 'file'
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
        throw new SealError('permanent', `${what} not found: ${path}`, { cause: error })
      }
      throw fileError(`stat ${what}`, path, error)
    }
    if (found !== kind) throw new SealError('permanent', `${what} is a ${found}, expected a ${kind}: ${path}`)
  }
}
