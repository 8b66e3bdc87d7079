import { describe, expect, it } from 'vitest';
import { luminance, readableOn } from './readable-on';

describe('text on a colour', () => {
  it.each([
    ['#000000', '#ffffff'],
    ['#4263eb', '#ffffff'],
    ['#ffffff', '#141517'],
    ['#ffe066', '#141517'],
  ])('on %s is %s', (color, expected) => {
    expect(readableOn(color)).toBe(expected);
  });

  it('knows the ends of the scale', () => {
    expect(luminance('#ffffff')).toBeCloseTo(1);
    expect(luminance('#000000')).toBe(0);
  });
});
