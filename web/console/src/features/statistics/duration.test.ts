import { expect, it } from 'vitest';
import { duration } from './duration';

it.each([
  [null, '–'],
  [0, '0 sec'],
  [12.7, '13 sec'],
  [90, '1.5 min'],
  [3_600, '1 hr'],
  [86_400 * 12.4, '12 days'],
])('%s seconds read "%s"', (seconds, expected) => {
  expect(duration(seconds, 'en')).toBe(expected);
});
