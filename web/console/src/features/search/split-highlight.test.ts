import { expect, it } from 'vitest';
import { splitHighlight } from './split-highlight';

it('takes hits out of their marks and leaves other marks alone', () => {
  expect(splitHighlight('..my «order» is « late')).toEqual([
    { text: '..my ', hit: false },
    { text: 'order', hit: true },
    { text: ' is « late', hit: false },
  ]);
});
