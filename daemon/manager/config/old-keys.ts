/** Keys that are read for the sake of files made for damocles or venus-sector-manager, and what becomes of each. */
export const OLD_KEYS: readonly { readonly key: string; readonly now: string }[] = [
  { key: 'Miners.Sector.InitNumber', now: 'start number, when MinNumber is not set' },
  { key: 'Miners.….Sender', now: 'one more of Senders' },
  { key: 'Miners.….MaxFeeCap', now: 'GasFeeCap, when that is not set or 0' },
  { key: 'Miners.SnapUp.MessageConfidential', now: 'wins over MessageConfidence' },
  { key: 'Miners.SnapUp.ReleaseCondidential', now: 'wins over ReleaseConfidence' },
  { key: 'Miners.Commitment.….Batch.Enabled', now: 'ignored with a warning: Threshold decides' },
  { key: 'Miners.Commitment.….Batch.BatchCommitAboveBaseFee', now: 'ignored with a warning' },
  { key: 'Miners.Deal.Enabled', now: 'ignored with a warning: Sector.EnableDeals' },
  { key: 'Common.….Plugin', now: 'PluginName, when that is empty' },
  { key: 'Common.PieceStorePreset', now: 'ignored with a warning' },
  { key: 'Common.Plugins.Dir', now: 'ignored with a warning: Go plugins cannot be loaded' },
  {
    key: 'Common.DB.Badger, Common.DB.Mongo, Common.DB.Plugin, Common.MongoKVStore',
    now: 'accepted with a warning: state is in SQLite or MySQL',
  },
]
