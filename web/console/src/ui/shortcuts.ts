import { useEffect, useRef } from 'react';

/** What a key does, by its name; `g i` is a `g` followed by an `i`. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

/** Keys that belong to the text being written, or to the browser, start nothing. */
export function isShortcutKey(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return true;
  if (
    target.closest(
      'input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], [role="listbox"]',
    )
  )
    return false;
  // Enter and space press the button or link that has the focus.
  return !((event.key === 'Enter' || event.key === ' ') && target.closest('button, a, [role="button"]'));
}

const sequenceWithin = 1_200;

/** Follows the keys of one listener: the shortcut that is complete now, and the prefix that is open. */
export function matchShortcut(
  names: readonly string[],
  prefix: { key: string; at: number } | null,
  key: string,
  at: number,
): { match: string | null; prefix: { key: string; at: number } | null } {
  const sequence = prefix && at - prefix.at <= sequenceWithin ? `${prefix.key} ${key}` : null;
  if (sequence && names.includes(sequence)) return { match: sequence, prefix: null };
  if (!sequence && names.some((name) => name.startsWith(`${key} `))) return { match: null, prefix: { key, at } };
  // The second key of an unknown sequence does not do what it does alone.
  if (sequence) return { match: null, prefix: null };
  return { match: names.includes(key) ? key : null, prefix: null };
}

let prefix: { key: string; at: number } | null = null;
const layers: { current: Shortcuts }[] = [];

function onKeyDown(event: KeyboardEvent) {
  if (!isShortcutKey(event)) return;
  const names = layers.flatMap((layer) => Object.keys(layer.current));
  const result = matchShortcut(names, prefix, event.key, event.timeStamp);
  prefix = result.prefix;
  if (result.match === null) return;
  const name = result.match;
  event.preventDefault();
  layers.findLast((layer) => name in layer.current)?.current[name]?.(event);
}

/** Listens for these keys while the component is there; of two for one key the later component's counts. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const layer = useRef(shortcuts);
  layer.current = shortcuts;
  useEffect(() => {
    if (layers.length === 0) window.addEventListener('keydown', onKeyDown);
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (layers.length === 0) window.removeEventListener('keydown', onKeyDown);
    };
  }, []);
}
