type Rgb = [number, number, number];

const white: Rgb = [255, 255, 255];
const black: Rgb = [0, 0, 0];
/** The sheet's background, as in panel.css. */
const lightSurface: Rgb = white;
const darkSurface: Rgb = [0x1f, 0x20, 0x24];
const fallback: Rgb = [0x22, 0x5f, 0xd6];
const enough = 4.5;

/**
 * The variables that carry the configured colour, corrected where text would fall below 4.5 : 1 (WCAG 2.2, 1.4.3):
 * `--accent` is a background with `--on-accent` on it, `--accent-text` is text on the sheet.
 */
export function accentStyles(colour: string): string {
  const accent = parse(colour) ?? fallback;
  const onAccent = contrast(accent, white) >= enough ? white : black;
  return [
    `:host{--accent:${hex(accent)};--on-accent:${hex(onAccent)};--accent-text:${hex(towards(accent, black, lightSurface))}}`,
    `@media (prefers-color-scheme:dark){:host{--accent-text:${hex(towards(accent, white, darkSurface))}}}`,
  ].join('');
}

/** Mixes `target` into `colour` in small steps until it can be read on `surface`. */
function towards(colour: Rgb, target: Rgb, surface: Rgb): Rgb {
  let mixed = colour;
  for (let share = 0; share <= 1 && contrast(mixed, surface) < enough; share += 0.02)
    mixed = mix(colour, target, share);
  return mixed;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const at = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * share);
  return [at(0), at(1), at(2)];
}

export function contrast(a: Rgb, b: Rgb): number {
  const [bright, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dark + 0.05);
}

/** WCAG 2.2, relative luminance. */
function luminance(rgb: Rgb): number {
  const linear = (value: number) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
}

/** `#rgb` or `#rrggbb`; null for anything else. */
export function parse(colour: string): Rgb | null {
  const digits = /^#([\da-f]{3}|[\da-f]{6})$/i.exec(colour.trim())?.[1];
  if (!digits) return null;
  const pairs = digits.length === 3 ? [...digits].map((digit) => digit + digit) : (digits.match(/../g) ?? []);
  const [red = 0, green = 0, blue = 0] = pairs.map((pair) => Number.parseInt(pair, 16));
  return [red, green, blue];
}

function hex(rgb: Rgb): string {
  return `#${rgb.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
