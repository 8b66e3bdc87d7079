import { expect, it } from 'vitest';
import { accentStyles, contrast, parse } from './colour';

const colours = ['#000', '#fff', '#ffcc00', '#225fd6', '#0f0', '#7f7f7f', '#e64980', '#12b886', '#767676', '#000080'];

function variable(styles: string, name: string): [number, number, number][] {
  return [...styles.matchAll(new RegExp(`--${name}:(#\\w+)`, 'g'))].map(([, value]) => {
    const rgb = parse(value ?? '');
    if (!rgb) throw new Error(`${value} is no colour`);
    return rgb;
  });
}

it.each(colours)('%s can be read as a background and as text, light and dark', (colour) => {
  const styles = accentStyles(colour);

  const [accent] = variable(styles, 'accent');
  const [onAccent] = variable(styles, 'on-accent');
  const [onLight, onDark] = variable(styles, 'accent-text');
  if (!accent || !onAccent || !onLight || !onDark) throw new Error(styles);
  expect(contrast(accent, onAccent)).toBeGreaterThanOrEqual(4.5);
  expect(contrast(onLight, [255, 255, 255])).toBeGreaterThanOrEqual(4.5);
  expect(contrast(onDark, [0x1f, 0x20, 0x24])).toBeGreaterThanOrEqual(4.5);
});

it('leaves a colour alone that can be read', () => {
  expect(accentStyles('#225fd6')).toContain('--accent:#225fd6;--on-accent:#ffffff;--accent-text:#225fd6');
});

it.each(['', 'red', '#12', 'url(x)', '#12345g'])('takes its own colour for %j', (colour) => {
  expect(accentStyles(colour)).toContain('--accent:#225fd6');
});
