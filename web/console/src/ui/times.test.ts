import { describe, expect, it } from 'vitest';
import { dayName, shortAge } from './time-text';

const now = Date.parse('2026-03-10T12:00:00.000Z');
const ago = (minutes: number) => now - minutes * 60_000;

describe('an age', () => {
  it.each([
    [0, 'now'],
    [-5, 'now'], // a clock that is behind
    [5, '5 min'],
    [119, '1 hr'],
    [60 * 30, '1 day'],
    [60 * 24 * 9, 'Mar 1'],
    [60 * 24 * 400, 'Feb 3, 2025'],
  ])('of %i minutes is "%s"', (minutes, expected) => {
    expect(shortAge(ago(minutes), now, 'en')).toBe(expected);
  });

  it('speaks Chinese', () => {
    expect(shortAge(ago(5), now, 'zh-CN')).toBe('5分钟');
  });
});

describe('a day', () => {
  const noon = (day: number) => new Date(2026, 2, day, 12);

  it.each([
    [10, 'Today'],
    [9, 'Yesterday'],
    [6, 'Friday'],
    [1, 'Sun, March 1'],
  ])('%i is %s', (day, expected) => {
    expect(dayName(noon(day), noon(10), 'en')).toBe(expected);
  });
});
