/** One clock for every relative time on the page. */
import { useSyncExternalStore } from 'react'
import { nowSeconds } from '../domain/time'

const TICK_MS = 15_000

const listeners = new Set<() => void>()
let now = nowSeconds()
let timer: number | undefined

function tick() {
  now = nowSeconds()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = nowSeconds()
    timer = window.setInterval(tick, TICK_MS)
  }
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) window.clearInterval(timer)
  }
}

/** The current second, renewed often enough for "3 minutes ago" to stay true. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}
