/**
 * The order in which a list is shown while it must not move: what is there stays where it is, what follows the last is added
 * below, and everything else waits. `waiting` counts what would appear or rise.
 */
export function holdOrder(shown: readonly string[], wanted: readonly string[]): { order: string[]; waiting: number } {
  const here = new Set(shown);
  let lastKnown = -1;
  wanted.forEach((id, index) => {
    if (here.has(id)) lastKnown = index;
  });
  const below = wanted.slice(lastKnown + 1);
  const appeared = wanted.slice(0, lastKnown + 1).filter((id) => !here.has(id)).length;
  const remaining = wanted.filter((id) => here.has(id));
  const stays = new Set(remaining);
  const before = shown.filter((id) => stays.has(id));
  const position = new Map(before.map((id, index) => [id, index]));
  const rose = remaining.filter((id, index) => index < (position.get(id) ?? index)).length;
  return { order: [...shown, ...below], waiting: appeared + rose };
}
