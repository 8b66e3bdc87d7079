// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { isShortcutKey, matchShortcut } from './shortcuts';

const names = ['j', 'g i', 'g c', 'i', '?'];

describe('shortcuts', () => {
  it('match a single key', () => {
    expect(matchShortcut(names, null, 'j', 0)).toEqual({ match: 'j', prefix: null });
  });

  it('wait for the second key of a sequence', () => {
    const first = matchShortcut(names, null, 'g', 0);
    expect(first).toEqual({ match: null, prefix: { key: 'g', at: 0 } });
    expect(matchShortcut(names, first.prefix, 'i', 500)).toEqual({ match: 'g i', prefix: null });
  });

  it('forget the first key after a while', () => {
    expect(matchShortcut(names, { key: 'g', at: 0 }, 'i', 5_000).match).toBe('i');
  });

  it('do nothing on an unknown second key', () => {
    expect(matchShortcut(names, { key: 'g', at: 0 }, 'j', 100)).toEqual({ match: null, prefix: null });
  });

  it.each([
    ['in a text field', '<textarea></textarea>', 'j', false],
    ['in a dialog', '<div role="dialog"><p></p></div>', 'j', false],
    ['on a button, for enter', '<button></button>', 'Enter', false],
    ['on a button, for a letter', '<button></button>', 'j', true],
    ['on the page', '<p></p>', 'j', true],
  ])('%s', (_where, html, key, expected) => {
    document.body.innerHTML = html;
    const target = document.querySelector('p, textarea, button');
    let result: boolean | undefined;
    document.body.addEventListener('keydown', (event) => (result = isShortcutKey(event)), { once: true });
    target?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    expect(result).toBe(expected);
  });
});
