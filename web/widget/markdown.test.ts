import { describe, expect, it } from 'vitest';
import { type Inline, parseMarkdown } from './markdown';

const text = (value: string): Inline => ({ kind: 'text', text: value });
const inline = (source: string) => {
  const [block] = parseMarkdown(source);
  return block?.kind === 'paragraph' ? block.content : block;
};

describe('blocks', () => {
  it('are paragraphs with the line breaks that were written', () => {
    expect(parseMarkdown('one\ntwo\n\nthree')).toEqual([
      { kind: 'paragraph', content: [text('one'), { kind: 'break' }, text('two')] },
      { kind: 'paragraph', content: [text('three')] },
    ]);
  });

  it('are lists, with and without numbers', () => {
    expect(parseMarkdown('Steps:\n- one\n- two\n\n3. three\n4. four')).toEqual([
      { kind: 'paragraph', content: [text('Steps:')] },
      { kind: 'list', ordered: false, start: 1, items: [[text('one')], [text('two')]] },
      { kind: 'list', ordered: true, start: 3, items: [[text('three')], [text('four')]] },
    ]);
  });

  it('are code, to the end if the fence is still open', () => {
    expect(parseMarkdown('```js\nconst a = "**";\n```')).toEqual([{ kind: 'code', text: 'const a = "**";' }]);
    expect(parseMarkdown('```\nlet b')).toEqual([{ kind: 'code', text: 'let b' }]);
  });

  it('are headings and quotes', () => {
    expect(parseMarkdown('## Title\n> said\n> so')).toEqual([
      { kind: 'heading', content: [text('Title')] },
      { kind: 'quote', content: [text('said'), { kind: 'break' }, text('so')] },
    ]);
  });
});

describe('inlines', () => {
  it('are bold, italic and code', () => {
    expect(inline('a **b** *c* `d*`')).toEqual([
      text('a '),
      { kind: 'bold', content: [text('b')] },
      text(' '),
      { kind: 'italic', content: [text('c')] },
      text(' '),
      { kind: 'code', text: 'd*' },
    ]);
  });

  it('are links, named or bare, without the full stop of the sentence', () => {
    expect(inline('See [the guide](https://a.example/b) or https://c.example/d.')).toEqual([
      text('See '),
      { kind: 'link', href: 'https://a.example/b', text: 'the guide' },
      text(' or '),
      { kind: 'link', href: 'https://c.example/d', text: 'https://c.example/d' },
      text('.'),
    ]);
  });

  it('end a bare address where Chinese text goes on', () => {
    expect(inline('请看https://a.example/b。谢谢')).toContainEqual({
      kind: 'link',
      href: 'https://a.example/b',
      text: 'https://a.example/b',
    });
  });

  it.each(['[x](javascript:alert(1))', '[x](data:text/html,1)', '[x](//evil.example)', '<img src=x onerror=alert(1)>'])(
    'leave %s as text',
    (source) => {
      const parts = inline(source);
      expect(Array.isArray(parts) && parts.every((part) => part.kind === 'text')).toBe(true);
      expect(Array.isArray(parts) && parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')).toBe(
        source,
      );
    },
  );
});

it.each(['*'.repeat(50_000), '['.repeat(50_000), `${'a*'.repeat(25_000)}`, '`'.repeat(49_999), '> '.repeat(25_000)])(
  'hostile text is done in no time',
  (source) => {
    const begun = performance.now();

    parseMarkdown(source);

    expect(performance.now() - begun).toBeLessThan(1_000);
  },
);
