import { useSyncExternalStore } from 'react';

type Ticker = { now: number; listeners: Set<() => void>; timer?: ReturnType<typeof setInterval> };
const tickers = new Map<number, Ticker>();

/** The time, renewed every `period`; one timer serves all who ask for the same. */
export function useNow(period: number): number {
  let ticker = tickers.get(period);
  if (!ticker) {
    ticker = { now: Date.now(), listeners: new Set() };
    tickers.set(period, ticker);
  }
  const shared = ticker;
  return useSyncExternalStore(
    (listener) => {
      shared.listeners.add(listener);
      shared.timer ??= setInterval(() => {
        shared.now = Date.now();
        for (const notify of shared.listeners) notify();
      }, period);
      return () => {
        shared.listeners.delete(listener);
        if (shared.listeners.size > 0) return;
        clearInterval(shared.timer);
        shared.timer = undefined;
      };
    },
    () => {
      if (!shared.timer) shared.now = Math.max(shared.now, Math.floor(Date.now() / 1000) * 1000);
      return shared.now;
    },
  );
}
