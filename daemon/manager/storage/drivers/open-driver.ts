import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { directoryDriver } from './directory-driver.js'
import type { StoreDriver, StorePlugin, StoreToOpen } from './store-driver.js'

/** Kinds of stores that come with us, by `PluginName`; none is a directory. */
export const BUILT_IN_STORES = ['s3'] as const

/** Opens the store of an entry of the configuration. A relative module is looked for from the directory of the daemon. */
export async function openDriver(store: StoreToOpen, plugin: string): Promise<StoreDriver> {
  if (plugin === '') return directoryDriver(store.name, store.path)
  if (plugin === 's3') return (await import('./s3-driver.js')).s3Driver(store)
  const module: Partial<StorePlugin> = await import(pluginModule(plugin))
  if (typeof module.openStore !== 'function')
    throw new Error(`store ${store.name}: the plugin ${plugin} does not export a function openStore`)
  return module.openStore(store)
}

/** What is imported for a plugin: a file by its URL, a package by its name. */
export function pluginModule(plugin: string): string {
  const isFile = plugin.startsWith('.') || isAbsolute(plugin)
  return isFile ? pathToFileURL(resolve(plugin)).href : plugin
}

/** Whether there is such a module; it is not loaded. */
export function hasPlugin(plugin: string): boolean {
  if ((BUILT_IN_STORES as readonly string[]).includes(plugin)) return true
  try {
    return existsSync(fileURLToPath(import.meta.resolve(pluginModule(plugin))))
  } catch {
    return false
  }
}
