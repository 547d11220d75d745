import { writeFile } from 'node:fs/promises'
import { managerOpenRpc } from '../../daemon/manager/api/openrpc.js'
import { packageVersion } from './version.js'

// `npm run docs`: writes the documents that are made from the code. Runs from dist/, the documents stay in the source tree.
const file = new URL('../../../docs/openrpc/manager.json', import.meta.url)
await writeFile(file, `${JSON.stringify(managerOpenRpc(packageVersion()), null, 2)}\n`)
process.stdout.write(`docs/openrpc/manager.json\n`)
