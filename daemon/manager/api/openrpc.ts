import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { type OpenRpcDocument, openRpcDocument } from '../../../rpc-schema/rpc/openrpc.js'

export const API_TITLE = 'Sealyard manager'

/** The OpenRPC document of everything that a manager may serve, as it stands in `docs/openrpc/manager.json`. */
export const managerOpenRpc = (version: string): OpenRpcDocument =>
  openRpcDocument([managerService, sealyardService], { title: API_TITLE, version })
