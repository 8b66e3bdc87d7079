import { describe, expect, it } from 'vitest';
import { holdOrder } from './hold-order';

describe('a list that is held', () => {
  it('stays as it is when nothing changed', () => {
    expect(holdOrder(['a', 'b'], ['a', 'b'])).toEqual({ order: ['a', 'b'], waiting: 0 });
  });

  it('lets a new row wait', () => {
    expect(holdOrder(['a', 'b'], ['new', 'a', 'b'])).toEqual({ order: ['a', 'b'], waiting: 1 });
  });

  it('counts the row that would rise, not those that it would push down', () => {
    expect(holdOrder(['a', 'b', 'c'], ['c', 'a', 'b'])).toEqual({ order: ['a', 'b', 'c'], waiting: 1 });
  });

  it('keeps the place of a row that is gone', () => {
    expect(holdOrder(['a', 'b', 'c'], ['b', 'c'])).toEqual({ order: ['a', 'b', 'c'], waiting: 0 });
  });

  it('adds an older page below', () => {
    expect(holdOrder(['a', 'b'], ['a', 'b', 'c', 'd'])).toEqual({ order: ['a', 'b', 'c', 'd'], waiting: 0 });
  });
});
