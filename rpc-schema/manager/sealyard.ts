import { service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import * as sectorSearch from './sector-search.js'

nameSchemas(sectorSearch)

/** The methods that the original does not have. */
export const sealyardService = service('Sealyard', {
  ...sectorSearch.sectorSearchMethods,
})
