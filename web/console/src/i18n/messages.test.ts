import { describe, expect, it } from 'vitest';
import { en } from './en';
import { zhCn } from './zh-cn';

type Tree = { [key: string]: string | Tree };

function flatten(tree: Tree, path = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') all.set(path + key, value);
    else for (const [inner, text] of flatten(value, `${path}${key}.`)) all.set(inner, text);
  }
  return all;
}

const english = flatten(en);
const chinese = flatten(zhCn);
const wanted = [...english.keys()].filter((key) => !key.endsWith('_one'));
const placeholders = (text: string | undefined) =>
  [...(text ?? '').matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

describe('the messages', () => {
  it('are complete in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual(wanted.sort());
  });

  it('leave nothing empty', () => {
    const all = [...english.values(), ...chinese.values()];
    expect(all.filter((text) => text.trim() === '')).toEqual([]);
  });

  it('say the same things in both', () => {
    const differing = wanted.filter(
      (key) => `${placeholders(chinese.get(key))}` !== `${placeholders(english.get(key))}`,
    );
    expect(differing).toEqual([]);
  });
});
