import { useEffect, useState } from 'react';
import { holdOrder } from './hold-order';

/** Follows the wanted order at once, unless held; then what changed waits for `release` or for the hold to end. */
export function useHeldOrder(wanted: readonly string[], held: boolean, listKey: string) {
  const [shown, setShown] = useState<{ listKey: string; order: readonly string[] }>({ listKey, order: wanted });
  const current = shown.listKey === listKey ? shown.order : wanted;
  const result = held && current.length > 0 ? holdOrder(current, wanted) : { order: wanted, waiting: 0 };
  const joined = result.order.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the joined ids stand for the order
  useEffect(() => setShown({ listKey, order: result.order }), [joined, listKey]);
  return { ...result, release: () => setShown({ listKey, order: wanted }) };
}
