import { service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import * as operations from './operations.js'
import * as sectorNumbers from './sector-numbers.js'
import * as sectorSearch from './sector-search.js'

nameSchemas(sectorSearch, sectorNumbers, operations)

/** The methods that the original does not have. */
export const sealyardService = service('Sealyard', {
  ...sectorSearch.sectorSearchMethods,
  ...sectorNumbers.sectorNumberMethods,
  ...operations.operationsMethods,
})
