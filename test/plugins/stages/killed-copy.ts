// Copies its first argument to its second, and kills itself when a part is copied.
import { transfer } from '../../../plugins/stages/transfer.js'
import { stageContext } from './context.js'

const [src = '', dest = ''] = process.argv.slice(2)
const uri = { store_name: null }
const routes = [{ src: { ...uri, uri: src }, dest: { ...uri, uri: dest }, opt: null }]
const onProgress = ({ done }: { done?: number | undefined }): void => {
  if (done! < 1) process.kill(process.pid, 'SIGKILL')
}
await transfer({ stores: {}, routes }, stageContext({ onProgress }))
